//go:build linux

package scenario

import (
	"fmt"
	"os"
	"time"
)

// EnvFigures names a file to which measured figures are appended.
const EnvFigures = "E2E_FIGURES"

// Figure records something measured, for the documents: a line "figure: NAME VALUE".
func (s *Scenario) Figure(name string, value any) {
	s.Helper()
	if d, ok := value.(time.Duration); ok {
		value = fmt.Sprintf("%.2f s", d.Seconds())
	}
	line := fmt.Sprintf("figure: %s %v", name, value)
	s.Log(line)
	path := os.Getenv(EnvFigures)
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		s.Errorf("figures: %v", err)
		return
	}
	defer func() { _ = f.Close() }()
	// One call to the kernel a line: scenarios write at once.
	if _, err := f.WriteString(line + "\n"); err != nil {
		s.Errorf("figures: %v", err)
	}
}
