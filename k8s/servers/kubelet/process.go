package kubelet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Exit codes that a container has which did not choose one itself.
const (
	exitNotStarted = 128
	exitSignal     = 128 // and the signal's number
)

func now() metav1.Time { return metav1.Now() }

// runOnce runs a container's process to its end, with its probes.
func (d *pod) runOnce(ctx context.Context, i int) (code int, began metav1.Time) {
	c := &d.p.Spec.Containers[i]
	began = now()
	if d.node.Pretend {
		d.change(i, func(s *corev1.ContainerStatus) {
			s.State, s.Ready, s.Started = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: began}}, true, new(true)
		})
		d.report(ctx, corev1.PodRunning)
		<-d.asked.Done()
		return 0, began
	}
	path := LogFile(d.node.Root, d.p.Namespace, d.p.Name, c.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return exitNotStarted, began
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return exitNotStarted, began
	}
	defer log.Close()
	cmd, err := d.command(ctx, c)
	if err == nil && d.asked.Err() == nil {
		cmd.Stdout, cmd.Stderr = log, log
		err = start(cmd)
	}
	if err != nil || d.asked.Err() != nil && cmd.Process == nil {
		fmt.Fprintln(log, "kubelet:", err)
		return exitNotStarted, began
	}
	d.change(i, func(s *corev1.ContainerStatus) {
		s.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: began}}
		s.Ready, s.Started = c.ReadinessProbe == nil, new(true)
	})
	d.report(ctx, corev1.PodRunning)
	ended, end := context.WithCancel(ctx)
	defer end()
	signal := func(s syscall.Signal) func() { return func() { cmd.Process.Signal(s) } }
	defer context.AfterFunc(d.asked, signal(syscall.SIGTERM))()
	defer context.AfterFunc(d.killed, signal(syscall.SIGKILL))() // the first of its namespace takes all others along
	if c.ReadinessProbe != nil {
		go d.watch(ended, c, c.ReadinessProbe, func(ok bool) {
			d.change(i, func(s *corev1.ContainerStatus) { s.Ready = ok && s.State.Running != nil })
			d.report(ctx, corev1.PodRunning)
		})
	}
	if c.LivenessProbe != nil {
		go d.watch(ended, c, c.LivenessProbe, func(ok bool) {
			if !ok {
				signal(syscall.SIGKILL)()
			}
		})
	}
	return exitCode(cmd.Wait()), began
}

// start starts a container's process, and waits until it is what the container runs: who asks it
// to end before would be heard by this program in its place.
func start(cmd *exec.Cmd) error {
	became, becomes, err := os.Pipe()
	if err != nil {
		return err
	}
	defer became.Close()
	cmd.ExtraFiles = []*os.File{becomes}
	err = cmd.Start()
	becomes.Close()
	if err == nil {
		_, err = io.Copy(io.Discard, became) // it ends when the process is another program, or ends
	}
	return err
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		if err != nil {
			return exitNotStarted
		}
		return 0
	}
	if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return exitSignal + int(s.Signal())
	}
	return exit.ExitCode()
}

// command is a container's process: this program, which makes the container's view of the file
// system and becomes what the container runs.
func (d *pod) command(ctx context.Context, c *corev1.Container) (*exec.Cmd, error) {
	values := map[string]string{}
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp", "HOSTNAME=" + d.p.Name}
	for _, e := range c.Env {
		v := expand(e.Value, values)
		if e.ValueFrom != nil {
			var err error
			if v, err = d.value(ctx, e.ValueFrom); err != nil {
				return nil, fmt.Errorf("environment %s: %w", e.Name, err)
			}
		}
		values[e.Name] = v
		env = append(env, e.Name+"="+v)
	}
	v := view{Root: filepath.Join(d.dir, "root-"+c.Name), Folder: c.WorkingDir}
	if v.Folder == "" {
		v.Folder = "/"
	}
	for _, a := range append(append([]string{}, c.Command...), c.Args...) {
		v.Args = append(v.Args, expand(a, values))
	}
	for place, file := range d.node.Binds {
		v.Binds = append(v.Binds, bind{file, place})
	}
	for _, m := range c.VolumeMounts {
		v.Binds = append(v.Binds, bind{filepath.Join(d.volume(m.Name), m.SubPath), m.MountPath})
	}
	if err := os.MkdirAll(v.Root, 0o755); err != nil {
		return nil, err
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(env, viewVariable+"="+string(text))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	return cmd, nil
}

// expand puts values in place of $(NAME).
func expand(s string, values map[string]string) string {
	for name, v := range values {
		s = strings.ReplaceAll(s, "$("+name+")", v)
	}
	return s
}

// value is an environment variable's that comes from elsewhere.
func (d *pod) value(ctx context.Context, from *corev1.EnvVarSource) (string, error) {
	core := d.node.Client.CoreV1()
	switch {
	case from.FieldRef != nil:
		return d.field(from.FieldRef.FieldPath)
	case from.SecretKeyRef != nil:
		s, err := core.Secrets(d.p.Namespace).Get(ctx, from.SecretKeyRef.Name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		return string(s.Data[from.SecretKeyRef.Key]), nil
	case from.ConfigMapKeyRef != nil:
		m, err := core.ConfigMaps(d.p.Namespace).Get(ctx, from.ConfigMapKeyRef.Name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		return m.Data[from.ConfigMapKeyRef.Key], nil
	}
	return "", errors.New("its source is not played")
}

func (d *pod) field(path string) (string, error) {
	switch path {
	case "metadata.name":
		return d.p.Name, nil
	case "metadata.namespace":
		return d.p.Namespace, nil
	case "metadata.uid":
		return string(d.p.UID), nil
	case "spec.nodeName":
		return d.node.Name, nil
	case "status.podIP":
		return d.ip, nil
	case "status.hostIP":
		return d.node.Range + ".1", nil
	}
	return "", fmt.Errorf("field %s is not played", path)
}
