package nat

import (
	"strings"
	"testing"
)

func TestSpecification(t *testing.T) {
	for name, want := range map[string]string{
		"cni0":  "-p tcp -d 169.254.169.254 --dport 80 -j DNAT --to-destination 10.0.0.1:8881 -i cni0",
		"cali+": "-p tcp -d 169.254.169.254 --dport 80 -j DNAT --to-destination 10.0.0.1:8881 -i cali+",
		"!eth0": "-p tcp -d 169.254.169.254 --dport 80 -j DNAT --to-destination 10.0.0.1:8881 ! -i eth0",
	} {
		rule := Rule{Metadata: "169.254.169.254", Destination: "10.0.0.1:8881", Interface: name}
		if got := strings.Join(rule.Specification(), " "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
