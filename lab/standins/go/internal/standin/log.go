package standin

import (
	"io"
	"sync"
	"time"

	log "github.com/sirupsen/logrus"
)

// keepFor is how long lines of a log may be kept back, to be written together.
const keepFor = 250 * time.Millisecond

// KeepLogLines has lines of the standard logger written a few times a second, together: each write
// wakes the shim and containerd, which takes longer than answering the request that is logged. A
// warning, or anything worse, is written at once, with all lines before it.
func KeepLogLines() {
	lines := &keptLines{to: log.StandardLogger().Out}
	log.SetOutput(lines)
	log.AddHook(lines)
}

// keptLines is an output for a logger, and a hook of the same logger that tells which lines are urgent.
type keptLines struct {
	to     io.Writer
	lock   sync.Mutex
	kept   []byte
	urgent bool
}

// Levels are those of the lines that are written at once.
func (k *keptLines) Levels() []log.Level {
	return []log.Level{log.PanicLevel, log.FatalLevel, log.ErrorLevel, log.WarnLevel}
}

// Fire is called before the line is written.
func (k *keptLines) Fire(*log.Entry) error {
	k.lock.Lock()
	defer k.lock.Unlock()
	k.urgent = true
	return nil
}

// Write keeps a line, or writes it with all that are kept.
func (k *keptLines) Write(line []byte) (int, error) {
	k.lock.Lock()
	defer k.lock.Unlock()
	if len(k.kept) == 0 && !k.urgent {
		time.AfterFunc(keepFor, k.flush)
	}
	k.kept = append(k.kept, line...)
	if k.urgent {
		k.urgent = false
		k.writeKept()
	}
	return len(line), nil
}

func (k *keptLines) flush() {
	k.lock.Lock()
	defer k.lock.Unlock()
	k.writeKept()
}

// writeKept ignores errors, as the logger itself does: there is nowhere to say them.
func (k *keptLines) writeKept() {
	_, _ = k.to.Write(k.kept)
	k.kept = k.kept[:0]
}
