package roles

import "testing"

func TestResolve(t *testing.T) {
	resolver := Resolver{Prefix: "arn:aws:iam::123456789012:role/"}
	for annotated, want := range map[string]Role{
		"app":                         {Name: "app", ARN: "arn:aws:iam::123456789012:role/app"},
		"/app":                        {Name: "app", ARN: "arn:aws:iam::123456789012:role/app"},
		"teams/payments/app":          {Name: "teams/payments/app", ARN: "arn:aws:iam::123456789012:role/teams/payments/app"},
		"/teams/payments/app":         {Name: "teams/payments/app", ARN: "arn:aws:iam::123456789012:role/teams/payments/app"},
		"arn:aws:iam::9:role/x":       {Name: "x", ARN: "arn:aws:iam::9:role/x"},
		"arn:aws:iam::9:role/teams/x": {Name: "teams/x", ARN: "arn:aws:iam::9:role/teams/x"},
	} {
		if got, err := resolver.Resolve(annotated); err != nil || got != want {
			t.Errorf("%s: got %v, %v; want %v", annotated, got, err, want)
		}
	}
	for _, wrong := range []string{"", "arn:aws"} {
		if got, err := resolver.Resolve(wrong); err == nil {
			t.Errorf("%q: got %v, want an error", wrong, got)
		}
	}
}

func TestIdentitiesDifferByWhatTheyAskOf(t *testing.T) {
	resolver := Resolver{Prefix: "p/"}
	keys := map[string]bool{}
	for _, pod := range [][3]string{{"a", "", ""}, {"a", "s", ""}, {"a", "", "x"}, {"b", "", ""}, {"p/a", "", ""}} {
		identity, err := resolver.Identity(pod[0], pod[1], pod[2])
		if err != nil {
			t.Fatal(err)
		}
		keys[identity.Key()] = true
	}
	if len(keys) != 5 {
		t.Errorf("%d keys, want 5: %v", len(keys), keys)
	}
}
