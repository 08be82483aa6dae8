//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/hack/image/internal/roots"
)

// unpack makes a directory that is what a container of the image would see as /.
func unpack(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	eachFile(t, image(t).platform(t, runtime.GOARCH), func(h *tar.Header, data []byte) {
		path := filepath.Join(dir, h.Name)
		var err error
		if h.Typeflag == tar.TypeDir {
			err = os.Mkdir(path, 0o755)
		} else {
			err = os.WriteFile(path, data, 0o755)
		}
		if err == nil {
			err = os.Chmod(path, h.FileInfo().Mode())
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	return dir
}

// inside runs a program of the unpacked image as the image's user, with nothing else of this machine.
func inside(t *testing.T, root string, stdin []byte, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	const id = 65532
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Path, cmd.Dir, cmd.Env = args[0], "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: id, Gid: id, NoSetGroups: os.Geteuid() != 0}}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: id, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: id, HostID: os.Getgid(), Size: 1}}
	}
	var out, errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errOut
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s in %s: %v", args[0], root, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}

func TestRuns(t *testing.T) {
	code, stdout, stderr := inside(t, unpack(t), nil, "/mongogate", "version")
	if code != 0 || !strings.HasPrefix(stdout, "mongogate "+version+" go") {
		t.Errorf("mongogate version in the image: exit code %d\n%s%s", code, stdout, stderr)
	}
}

// TestInstalls: the image's user may not read the program and installs it all the same, as a copy that nobody but root reads.
func TestInstalls(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root is needed: who owns what was unpacked may read it")
	}
	root := unpack(t)
	proc := filepath.Join(root, "proc") // as every container has it
	if err := os.Mkdir(proc, 0o555); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("proc", proc, "proc", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(proc, 0); err != nil {
			t.Error(err)
		}
	})
	code, stdout, stderr := inside(t, root, nil, "/mongogate", "install", "/tmp")
	if code != 0 || stdout != "/tmp/mongogate\n" {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	info, err := os.Stat(filepath.Join(root, "tmp", "mongogate"))
	if err != nil || info.Mode().Perm() != 0o111 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if code, stdout, stderr := inside(t, root, nil, "/tmp/mongogate", "version"); code != 0 || !strings.HasPrefix(stdout, "mongogate "+version+" go") {
		t.Errorf("the copy: exit code %d\n%s%s", code, stdout, stderr)
	}
	if code, _, stderr = inside(t, root, nil, "/tmp/mongogate", "install", "/tmp"); code == 0 || !strings.Contains(stderr, "no copy to install from") {
		t.Errorf("installing from a copy: exit code %d\n%s", code, stderr)
	}
	same := func(path string) [32]byte {
		b, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256(b)
	}
	if same("mongogate") != same("tmp/mongogate") {
		t.Error("the copy is another program")
	}
}

// TestTimeZones: Kathmandu is 5:45 ahead of UTC, all the year.
func TestTimeZones(t *testing.T) {
	args := []string{
		"/mongogate", "doctor", "--uri", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100", "--key", "k",
		"--bucket", "cron:45 12 * * *", "--timezone", "Asia/Kathmandu",
	}
	_, stdout, stderr := inside(t, unpack(t), nil, args...)
	if !regexp.MustCompile(`k@\d{4}-\d\d-\d\dT07:00Z`).MatchString(stdout) {
		t.Errorf("12:45 in Kathmandu is 07:00 in UTC; mongogate doctor in the image says:\n%s%s", stdout, stderr)
	}
}

// TestAuthorities: a program in the image trusts the authorities of the public databases, and nobody else.
func TestAuthorities(t *testing.T) {
	root := unpack(t)
	cmd := exec.Command("go", "build", "-o", filepath.Join(root, "trusts"), "./testdata/trusts")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	bundle, err := roots.PEM()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string][]byte{}
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		seen[c.Subject.CommonName] = block.Bytes
	}
	// Those of Atlas, Amazon and Azure, and enough others for it to be the whole bundle.
	for _, name := range []string{"ISRG Root X1", "ISRG Root X2", "Amazon Root CA 1", "DigiCert Global Root G2"} {
		if seen[name] == nil {
			t.Errorf("%s is not in the bundle", name)
			continue
		}
		if code, stdout, stderr := inside(t, root, seen[name], "/trusts"); code != 0 {
			t.Errorf("%s is not trusted: %s%s", name, stdout, stderr)
		}
	}
	if len(seen) < 100 {
		t.Errorf("%d authorities, want at least 100", len(seen))
	}
	if code, stdout, stderr := inside(t, root, stranger(t), "/trusts"); code != 1 || !strings.Contains(stderr, "unknown authority") {
		t.Errorf("an authority of our own: exit code %d\n%s%s", code, stdout, stderr)
	}
}

// stranger is an authority that nobody knows.
func stranger(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nobody"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
