// Package kubetest is a Kubernetes API server in memory, over TLS, as far as
// a gate uses one: a pod, Events, access reviews, and faults on request.
//
// It refuses what a real one refuses of a gate's calls: another token, another
// namespace, a patch for a pod of another UID, an Event that is there already.
package kubetest

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// Namespace and Token are those of every account.
const (
	Namespace = "shop"
	Token     = "kubetest-t0ken"
)

// Server is the API server.
type Server struct {
	Host, Port string

	web *httptest.Server

	mu     sync.Mutex
	pod    map[string]any
	jobs   map[string]json.RawMessage // metadata by name
	events []Event
	calls  []string
	denied map[string]bool
	fault  func(http.ResponseWriter, *http.Request) bool
}

// Event is what a gate has written.
type Event struct {
	Metadata struct{ Name, Namespace string }

	InvolvedObject struct{ APIVersion, Kind, Namespace, Name, UID string }

	Reason, Message, Type         string
	FirstTimestamp, LastTimestamp string
	Count                         int
	Source                        struct{ Component, Host string }
}

// Start starts a server with a pod and ends it with the test.
func Start(t testing.TB, name, uid string) *Server {
	t.Helper()
	s := must.Get(Open(name, uid))(t)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Open starts one that lives until it is closed.
func Open(name, uid string) (*Server, error) {
	s := &Server{denied: map[string]bool{}}
	s.pod = map[string]any{"metadata": map[string]any{"name": name, "namespace": Namespace, "uid": uid, "labels": map[string]any{}}}
	s.web = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.web.EnableHTTP2 = true // as a real one does
	s.web.StartTLS()
	var err error
	if s.Host, s.Port, err = net.SplitHostPort(s.web.Listener.Addr().String()); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close ends it, and every call to it.
func (s *Server) Close() error {
	s.web.CloseClientConnections() // a call without an answer would be waited for
	s.web.Close()
	return nil
}

// WriteAccount writes a service account into a directory, for all servers: their certificate is the same.
func WriteAccount(dir string) error {
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	return errors.Join(
		os.MkdirAll(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "ca.crt"), ca, 0o644),
		os.WriteFile(filepath.Join(dir, "token"), []byte(Token+"\n"), 0o644),
		os.WriteFile(filepath.Join(dir, "namespace"), []byte(Namespace), 0o644))
}

// SetPod replaces what the pod is besides its name, UID and labels.
func (s *Server) SetPod(spec, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, text := range map[string]string{"spec": spec, "status": status} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			panic(err)
		}
		s.pod[name] = v
	}
}

// SetUID makes the pod another one of the same name.
func (s *Server) SetUID(uid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metadata()["uid"] = uid
}

// SetJob makes a Job with this metadata, as JSON.
func (s *Server) SetJob(name, metadata string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.jobs == nil {
		s.jobs = map[string]json.RawMessage{}
	}
	s.jobs[name] = json.RawMessage(metadata)
}

// Remove removes the pod.
func (s *Server) Remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pod = nil
}

// SetLabel gives the pod a label.
func (s *Server) SetLabel(key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.labels()[key] = value
}

// Label is a label's value, "" where the pod has not got it.
func (s *Server) Label(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, _ := s.labels()[key].(string)
	return value
}

// Events are what was written.
func (s *Server) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Event(nil), s.events...)
}

// Reasons are those of the events about a kind of object.
func (s *Server) Reasons(kind string) []string {
	var all []string
	for _, e := range s.Events() {
		if e.InvolvedObject.Kind == kind {
			all = append(all, e.Reason)
		}
	}
	return all
}

// Calls are the calls so far, as "POST events", "PATCH pods", "GET pods".
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...)
}

// Deny takes a right away: "create events", "patch pods", "get pods".
func (s *Server) Deny(right string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied[right] = true
}

// Allow gives it back.
func (s *Server) Allow(right string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.denied, right)
}

// Fault handles calls instead of the server, which goes on with those for which it is false; nil: none.
func (s *Server) Fault(f func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

func (s *Server) metadata() map[string]any { return s.pod["metadata"].(map[string]any) }

func (s *Server) labels() map[string]any {
	if s.pod == nil {
		return map[string]any{}
	}
	return s.metadata()["labels"].(map[string]any)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	// Read first: only then does a handler learn that its client has gone.
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault != nil && fault(w, r) {
		return
	}
	s.Answer(w, r)
}

// Answer does what a server without faults does.
func (s *Server) Answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+Token {
		refuse(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
		return
	}
	if strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews") {
		s.review(w, body)
		return
	}
	rest, ours := strings.CutPrefix(r.URL.Path, "/api/v1/namespaces/"+Namespace+"/")
	if !ours {
		rest, ours = strings.CutPrefix(r.URL.Path, "/apis/batch/v1/namespaces/"+Namespace+"/")
		ours = ours && strings.HasPrefix(rest, "jobs/")
	}
	resource, name, _ := strings.Cut(rest, "/")
	verb := map[string]string{http.MethodGet: "get", http.MethodPost: "create", http.MethodPatch: "patch"}[r.Method]
	s.calls = append(s.calls, r.Method+" "+resource)
	if !ours || s.denied[verb+" "+resource] {
		refuse(w, http.StatusForbidden, "Forbidden", resource+" is forbidden: User \"system:serviceaccount:shop:gate\" cannot "+verb+" resource")
		return
	}
	switch verb + " " + resource {
	case "create events":
		s.create(w, r, body)
	case "get jobs":
		if s.jobs[name] == nil {
			refuse(w, http.StatusNotFound, "NotFound", "jobs.batch \""+name+"\" not found")
			return
		}
		answer(w, http.StatusOK, map[string]any{"apiVersion": "batch/v1", "kind": "Job", "metadata": s.jobs[name]})
	case "get pods", "patch pods":
		if s.pod == nil || name != s.metadata()["name"] {
			refuse(w, http.StatusNotFound, "NotFound", "pods \""+name+"\" not found")
			return
		}
		if verb == "patch" && !s.patch(w, r, body) {
			return
		}
		answer(w, http.StatusOK, s.pod)
	default:
		refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "")
	}
}

func (s *Server) create(w http.ResponseWriter, r *http.Request, body []byte) {
	var e Event
	if err := json.Unmarshal(body, &e); err != nil || r.Header.Get("Content-Type") != "application/json" {
		refuse(w, http.StatusBadRequest, "BadRequest", "not an Event")
		return
	}
	if e.InvolvedObject.Namespace != Namespace || e.Metadata.Name == "" || e.Metadata.Name != strings.ToLower(e.Metadata.Name) || len(e.Metadata.Name) > 253 {
		refuse(w, http.StatusUnprocessableEntity, "Invalid", "Event \""+e.Metadata.Name+"\" is invalid")
		return
	}
	for _, old := range s.events {
		if old.Metadata.Name == e.Metadata.Name {
			refuse(w, http.StatusConflict, "AlreadyExists", "events \""+e.Metadata.Name+"\" already exists")
			return
		}
	}
	s.events = append(s.events, e)
	answer(w, http.StatusCreated, e)
}

func (s *Server) patch(w http.ResponseWriter, r *http.Request, body []byte) bool {
	var p struct {
		Metadata struct {
			UID    string
			Labels map[string]*string
		}
	}
	if err := json.Unmarshal(body, &p); err != nil || r.Header.Get("Content-Type") != "application/merge-patch+json" {
		refuse(w, http.StatusUnsupportedMediaType, "UnsupportedMediaType", "")
		return false
	}
	if p.Metadata.UID != "" && p.Metadata.UID != s.metadata()["uid"] {
		refuse(w, http.StatusUnprocessableEntity, "Invalid", "metadata.uid: Invalid value: field is immutable")
		return false
	}
	for key, value := range p.Metadata.Labels {
		if value == nil {
			delete(s.labels(), key)
		} else {
			s.labels()[key] = *value
		}
	}
	return true
}

func (s *Server) review(w http.ResponseWriter, body []byte) {
	var ask struct {
		Spec struct {
			ResourceAttributes struct{ Namespace, Verb, Resource string }
		}
	}
	if err := json.Unmarshal(body, &ask); err != nil {
		refuse(w, http.StatusBadRequest, "BadRequest", "")
		return
	}
	of := ask.Spec.ResourceAttributes
	allowed := of.Namespace == Namespace && !s.denied[of.Verb+" "+of.Resource]
	answer(w, http.StatusCreated, map[string]any{"status": map[string]any{"allowed": allowed}})
}

func refuse(w http.ResponseWriter, code int, reason, message string) {
	answer(w, code, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code})
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // who asked may have gone
}
