package devdb

import (
	"context"
	"os/exec"
	"time"
)

// dockerImage is what runs in Docker.
const dockerImage = "mongo:8"

// dockerRuns tells whether a Docker engine answers within two seconds and has
// the image, or can pull it.
func dockerRuns(ctx context.Context) bool {
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if exec.CommandContext(short, "docker", "info", "--format", "{{.ServerVersion}}").Run() != nil {
		return false
	}
	if exec.CommandContext(ctx, "docker", "image", "inspect", dockerImage).Run() == nil {
		return true
	}
	long, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	return exec.CommandContext(long, "docker", "pull", "--quiet", dockerImage).Run() == nil
}

// startDocker starts three members in one container, so that they find each
// other at the addresses at which the client finds them. The container ends
// with its standard input, and Docker removes it with its data.
func startDocker(ctx context.Context, options Options) (*Server, error) {
	docker, err := look("docker", "Docker")
	if err != nil {
		return nil, err
	}
	return startSet(ctx, options, Docker, func(data *dataDir, secrets *secrets, ports []string) (*keeper, error) {
		command := []string{docker, "run", "--rm", "--interactive", "--entrypoint", "sh"}
		// The key file must belong to who reads it. The database's own files stay in the container.
		command = append(command, "--user", "0", "--volume", data.path+":"+data.path+":ro")
		for _, port := range ports {
			command = append(command, "--publish", "127.0.0.1:"+port+":"+port)
		}
		return keep(append(command, dockerImage), append([]string{"mongod", "/data/db", "0.0.0.0"}, ports...)...)
	})
}
