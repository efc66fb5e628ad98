package standin

import (
	"strings"
	"sync"
	"testing"
	"time"

	log "github.com/sirupsen/logrus"
)

// safeText is what was written, for several goroutines.
type safeText struct {
	lock sync.Mutex
	text strings.Builder
}

func (s *safeText) Write(p []byte) (int, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.text.Write(p)
}

func (s *safeText) lines() []string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return strings.FieldsFunc(s.text.String(), func(r rune) bool { return r == '\n' })
}

// Does not prove that a program which is killed has written its last lines: it has not.
func TestKeptLines(t *testing.T) {
	written := &safeText{}
	log.SetOutput(written)
	KeepLogLines()

	log.Info("first")
	log.Info("second")
	if got := written.lines(); len(got) != 0 {
		t.Errorf("written before their time: %q", got)
	}
	log.Warn("third")
	if got := written.lines(); len(got) != 3 || !strings.Contains(got[0], "first") || !strings.Contains(got[2], "third") {
		t.Errorf("with a warning, want all three lines in their order, got %q", got)
	}
	log.Info("fourth")
	for end := time.Now().Add(20 * keepFor); time.Now().Before(end) && len(written.lines()) < 4; {
		time.Sleep(keepFor / 10)
	}
	if got := written.lines(); len(got) != 4 || !strings.Contains(got[3], "fourth") {
		t.Errorf("want the fourth line written by itself, got %q", got)
	}
}
