package telemetry

import (
	"sync"

	"github.com/go-logr/logr"
)

// Complaints logs what goes wrong and goes wrong again: an error is logged once until there is another.
type Complaints struct {
	log logr.Logger

	mu   sync.Mutex
	last string
}

// NewComplaints writes to a logger.
func NewComplaints(log logr.Logger) *Complaints { return &Complaints{log: log} }

// Log logs an error, unless it is the last one that was logged; nil is none.
func (c *Complaints) Log(what string, err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	again := c.last == what+err.Error()
	c.last = what + err.Error()
	c.mu.Unlock()
	if !again {
		c.log.Error(err, what)
	}
}

// Over says that all is well: the last error is news when it comes again.
func (c *Complaints) Over() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = ""
}
