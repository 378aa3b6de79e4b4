//go:build examples

// The tests of this package run the examples for Kubernetes and Knative in the
// cluster of KUBECONFIG, or else in one that they start on this machine. With
// KUBECONFIG, the command in LOAD_IMAGE_ARCHIVE gives the cluster an image, such as
// "kind load image-archive".
package kubernetes_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"argserver/release/check"
	"argserver/release/internal/examples"
	"argserver/release/internal/must"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Images that are in no registry: the kubelet does not pull one whose tag is not
// latest if the node has it.
const (
	serverImage = "argserver.test/argserver:test"
	clientImage = "argserver.test/client:test"
)

// restricted is the namespace of the tests that need no other.
const restricted = "argserver-restricted"

func TestKubernetes(t *testing.T) {
	own := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	server, err := check.PlatformImage(examples.Release(t).Index, own)
	if err != nil {
		t.Fatal(err)
	}
	client := buildClient(t)
	if os.Getenv("KUBECONFIG") == "" {
		must.Unchanged(t)
		startNode(t)
	} else if os.Getenv("LOAD_IMAGE_ARCHIVE") == "" {
		t.Fatal("KUBECONFIG is set, so this test would use that cluster: set LOAD_IMAGE_ARCHIVE to the command that loads the archive of an image into it, such as kind load image-archive, or unset KUBECONFIG")
	}
	if nodes := strings.Fields(kubectl(t, "get", "nodes", "--output=name")); len(nodes) != 1 {
		t.Fatalf("the cluster has the nodes %q, want one: a row of the page is about two pods on the same node", nodes)
	}
	load(t, serverImage, server)
	load(t, clientImage, client)
	folder := examples.Folder(t, serverImage)
	manifest := must.Read(t, folder, "kubernetes.yaml")

	page := examples.Read(t, "Kubernetes")
	t.Run("commands", func(t *testing.T) { testCommands(t, folder, page) })
	t.Run("arguments", func(t *testing.T) { testArguments(t, deployment(manifest), page.Arguments) })
	t.Run("mistakes", func(t *testing.T) { testMistakes(t, page.Mistakes) })
	t.Run("knative", func(t *testing.T) { testKnative(t, folder) })

	apply(t, "", change(namespaceManifest, "NAME", restricted))
	t.Cleanup(func() { kubectl(t, "delete", "namespace", restricted) })
	kubectl(t, "-n", restricted, "wait", "--for=create", "--timeout=1m", "serviceaccount/default")
	apply(t, restricted, change(clientManifest, "IMAGE", clientImage))
	kubectl(t, "-n", restricted, "wait", "--for=condition=Ready", "--timeout=2m", "pod/client")
	t.Run("restricted", func(t *testing.T) { testRestricted(t, deployment(manifest)) })
	t.Run("probes", func(t *testing.T) { testProbes(t, deployment(manifest)) })
	t.Run("hardening", func(t *testing.T) { testHardening(t, manifest) })
	t.Run("downward API", func(t *testing.T) { testDownwardAPI(t, manifest) })
	t.Run("rollout", func(t *testing.T) { testRollout(t, manifest) })
	t.Run("single replica", func(t *testing.T) { testSingleReplica(t, manifest) })
	t.Run("grace period", func(t *testing.T) { testGracePeriod(t, deployment(manifest)) })
}

const namespaceManifest = `
apiVersion: v1
kind: Namespace
metadata:
  name: NAME
  labels:
    pod-security.kubernetes.io/enforce: restricted
`

const clientManifest = `
apiVersion: v1
kind: Pod
metadata:
  name: client
spec:
  automountServiceAccountToken: false
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: client
      image: IMAGE
      args: [wait]
      securityContext:
        allowPrivilegeEscalation: false
        capabilities:
          drop: [ALL]
`

// testCommands types the commands of the page.
func testCommands(t *testing.T, folder string, page examples.Section) {
	if found := kubectl(t, "get", "deployment,service", "argserver", "--ignore-not-found", "--output=name"); found != "" {
		t.Fatalf("the namespace default has %q already, which these commands would change", found)
	}
	out, err := examples.Type(t, folder, page.Start)
	if want := `["/argserver","g","h","i","j"]`; err != nil || !strings.Contains(out, want) {
		t.Errorf("the commands end with %v, and print this instead of %s:\n%s", err, want, out)
	}
	if out, err := examples.Type(t, folder, page.Stop); err != nil {
		t.Errorf("the commands end with %v:\n%s", err, out)
	}
}

// conformance holds the four cases of the conformance tests of Kubernetes, with
// /argserver in place of the program there.
// https://github.com/kubernetes/kubernetes/blob/v1.34.3/test/e2e/common/node/containers.go
var conformance = []examples.Row{
	{Left: "neither", Right: `["/argserver","a","b","c","d"]`},
	{Left: "args: [entrypoint-tester, override, arguments]", Right: `["/argserver","entrypoint-tester","override","arguments"]`},
	{Left: "command: [/argserver, entrypoint-tester]", Right: `["/argserver","entrypoint-tester"]`},
	{Left: "command: [/argserver]\nargs: [entrypoint-tester, override, arguments]", Right: `["/argserver","entrypoint-tester","override","arguments"]`},
}

// testArguments gives each row a Deployment of its own in the namespace default,
// all at once, and asks each for its arguments.
func testArguments(t *testing.T, manifest string, rows []examples.Row) {
	for _, want := range conformance {
		if !slices.ContainsFunc(rows, func(r examples.Row) bool { return r.Left == want.Left && r.Right == want.Right }) {
			t.Errorf("the page lacks the row %q", want)
		}
	}
	outputs := make([]string, len(rows))
	for i, row := range rows {
		lines := ""
		if row.Left != "neither" {
			lines = "          " + strings.ReplaceAll(row.Left, "\n", "\n          ") + "\n"
		}
		outputs[i] = applyOrNot(t, change(manifest, "name: argserver", fmt.Sprint("name: row-", i), "replicas: 2", "replicas: 1",
			"          args: [g, h, i, j]\n", lines))
	}
	for i, row := range rows {
		deployment := fmt.Sprint("row-", i)
		switch {
		case outputs[i] != "":
		case strings.HasPrefix(row.Right, "["):
			kubectl(t, "rollout", "status", "deployment/"+deployment, "--timeout=2m")
			outputs[i] = kubectl(t, "get", "--raw", "/api/v1/namespaces/default/pods/"+pods(t, "default", deployment)[0]+":8080/proxy/args?format=json")
		default:
			outputs[i] = awaitDescription(t, deployment, row.Right)
		}
		examples.Check(t, row, outputs[i])
	}
}

// testMistakes makes each mistake of the page in a Deployment of its own.
func testMistakes(t *testing.T, rows []examples.Row) {
	published := deployment(must.Read(t, "../../../examples/kubernetes.yaml"))
	outputs := make([]string, len(rows))
	for i, row := range rows {
		manifest := change(mistake(published, row), "name: argserver", fmt.Sprint("name: mistake-", i))
		outputs[i] = applyOrNot(t, strings.ReplaceAll(manifest, examples.Published, serverImage))
	}
	for i, row := range rows {
		if outputs[i] == "" {
			outputs[i] = awaitDescription(t, fmt.Sprint("mistake-", i), row.Right)
		}
		examples.Check(t, row, outputs[i])
	}
}

// mistake makes a mistake of the page: the first line of the row becomes the others.
func mistake(manifest string, row examples.Row) string {
	right, wrong, _ := strings.Cut(row.Left, "\n")
	before, _, _ := strings.Cut(manifest, right)
	indent := strings.Repeat(" ", len(before)-strings.LastIndex(before, "\n")-1)
	return change(manifest, right, strings.ReplaceAll(wrong, "\n", "\n"+indent))
}

// testKnative checks knative.yaml with Knative's own definition, which comes from
// its module. Knative itself does not run.
func testKnative(t *testing.T, folder string) {
	var module struct{ Dir string }
	if err := json.Unmarshal([]byte(must.Run(t, ".", "go", "mod", "download", "-json", "knative.dev/serving@v0.51.0")), &module); err != nil {
		t.Fatal(err)
	}
	definition := filepath.Join(module.Dir, "config/core/300-resources/service.yaml")
	kubectl(t, "create", "--filename="+definition)
	t.Cleanup(func() { kubectl(t, "delete", "--filename="+definition) })
	kubectl(t, "wait", "--for=condition=Established", "--timeout=1m", "--filename="+definition)

	page := examples.Read(t, "Knative")
	for _, block := range []string{page.Start, page.Stop} {
		if out, err := examples.Type(t, folder, block); err != nil {
			t.Errorf("the commands end with %v:\n%s", err, out)
		}
	}
	for _, row := range page.Mistakes {
		examples.Check(t, row, applyOrNot(t, mistake(must.Read(t, folder, "knative.yaml"), row)))
	}
}

// testRestricted shows that the namespace refuses what the example must not do. All
// other tests show that it accepts the example.
func testRestricted(t *testing.T, manifest string) {
	apply(t, restricted, change(manifest, "name: argserver", "name: tampered", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"))
	await(t, `violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false`, func() string {
		return kubectl(t, "-n", restricted, "get", "events", "--output=jsonpath={.items[*].message}")
	})
	kubectl(t, "-n", restricted, "delete", "deployment", "tampered")
}

// testProbes shows that the liveness probe of the example succeeds, and that a
// readiness probe of gRPC does too. A Deployment is ready when its readiness probes
// succeed.
func testProbes(t *testing.T, manifest string) {
	apply(t, restricted, change(manifest, "name: argserver", "name: probes",
		"            httpGet:\n              path: /healthz\n              port: http\n", "            grpc:\n              port: 8080\n"))
	kubectl(t, "-n", restricted, "rollout", "status", "deployment/probes", "--timeout=2m")
	pod := pods(t, restricted, "probes")[0]
	node := kubectl(t, "-n", restricted, "get", "pod", pod, "--output=jsonpath={.spec.nodeName}")
	liveness := regexp.MustCompile(`(?m)^prober_probe_total\{.*pod="` + pod + `".*probe_type="Liveness",result="([a-z]+)"\} .*$`)
	got := await(t, `result="successful"`, func() string {
		return strings.Join(liveness.FindAllString(kubectl(t, "get", "--raw", "/api/v1/nodes/"+node+"/proxy/metrics/probes"), -1), "\n")
	})
	if strings.Contains(got, `result="failed"`) {
		t.Errorf("a liveness probe failed:\n%s", got)
	}
	kubectl(t, "-n", restricted, "delete", "deployment", "probes")
}

// testDownwardAPI asks through the Service for the name and namespace of the pod.
func testDownwardAPI(t *testing.T, manifest string) {
	start(t, manifest)
	_, got, _ := strings.Cut(ask(t, "/env"), " ")
	var want []string
	for _, pod := range pods(t, restricted, "argserver") {
		want = append(want, fmt.Sprintf("POD_NAME=%q\nPOD_NAMESPACE=%q", pod, restricted))
	}
	if !slices.Contains(want, got) {
		t.Errorf("the environment is %q, want one of %q", got, want)
	}
	if got, want := ask(t, "/args"), "200 [/argserver g h i j]"; got != want {
		t.Errorf("the Service answers %q, want %q", got, want)
	}
}

// testHardening asks argserver for its user and limits, and the cluster for the rest.
// The token of a service account would be a volume.
func testHardening(t *testing.T, manifest string) {
	start(t, manifest)
	overview := ask(t, "/overview?format=json")
	for _, want := range []string{`"user":65532,"group":65532,"groups":["65532"]`, `"cpus":1,"memory":134217728`} {
		if !strings.Contains(overview, want) {
			t.Errorf("the overview is %s, want one with %s", overview, want)
		}
	}
	got := kubectl(t, "-n", restricted, "get", "pod", pods(t, restricted, "argserver")[0],
		"--output=jsonpath={.spec.volumes} {.spec.enableServiceLinks} {.spec.containers[0].securityContext.readOnlyRootFilesystem}")
	if want := " false true"; got != want {
		t.Errorf("volumes, service links and read-only root are %q, want %q", got, want)
	}
}

// report is what the client prints after a load.
type report struct {
	Sent, Lost      int
	Errors, Answers map[string]int
	LastAnswer      time.Time
}

// testRollout restarts both replicas while four clients send requests. With the
// drain, no request is lost; without it, some may be.
func testRollout(t *testing.T, manifest string) {
	for _, connections := range []string{"new", "kept"} {
		t.Run(connections+" connections", func(t *testing.T) {
			start(t, manifest)
			if r := restart(t, connections); r.Lost > 0 {
				t.Errorf("%d of %d requests were lost: %v", r.Lost, r.Sent, r.Errors)
			}
		})
	}
	t.Run("without drain", func(t *testing.T) {
		start(t, change(manifest, "value: 5s", "value: 0s"))
		for range 3 {
			if restart(t, "new").Lost > 0 {
				return
			}
		}
		t.Log("three rollouts without a drain lost no request: this cluster does not show what the drain is for")
	})
}

// restart replaces all pods during a load.
func restart(t *testing.T, connections string) report {
	t.Helper()
	old := pods(t, restricted, "argserver")
	stop := startLoad(t, connections, 5000)
	kubectl(t, "-n", restricted, "rollout", "restart", "deployment/argserver")
	kubectl(t, "-n", restricted, "rollout", "status", "deployment/argserver", "--timeout=2m")
	kubectl(t, append([]string{"-n", restricted, "wait", "--for=delete", "--timeout=1m", "pod"}, old...)...)
	r := stop()
	t.Logf("%s connections: %d requests, %d lost %v, answered by %d pods", connections, r.Sent, r.Lost, r.Errors, len(r.Answers))
	// Kept connections may miss one of the pods by chance.
	byOld := 0
	for answer := range r.Answers {
		if slices.ContainsFunc(old, func(pod string) bool { return strings.Contains(answer, pod) }) {
			byOld++
		}
	}
	if r.Sent < 5000 || byOld == 0 || byOld == len(r.Answers) {
		t.Errorf("%d requests were answered by %d old pods and %d new ones, want 5000 or more and both", r.Sent, byOld, len(r.Answers)-byOld)
	}
	return r
}

// testSingleReplica takes away the only pod and measures how long the Service still
// answers. It answers for the whole drain, unless the readiness probe fails first.
// https://kep.k8s.io/1669
func testSingleReplica(t *testing.T, manifest string) {
	const drain = 5 * time.Second
	manifest = change(manifest, "replicas: 2", "replicas: 1")
	for _, c := range []struct {
		name, manifest string
		whole          bool
	}{
		{"healthz", manifest, true},
		{"readyz, noticed at once", change(manifest, "path: /healthz", "path: /readyz", "periodSeconds: 2", "periodSeconds: 1\n            failureThreshold: 1"), false},
		{"readyz, noticed after the drain", change(manifest, "path: /healthz", "path: /readyz", "periodSeconds: 2", "periodSeconds: 10"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			start(t, c.manifest)
			pod := pods(t, restricted, "argserver")[0]
			stop := startLoad(t, "new", 0)
			begin := time.Now()
			kubectl(t, "-n", restricted, "scale", "deployment/argserver", "--replicas=0")
			kubectl(t, "-n", restricted, "wait", "--for=delete", "--timeout=1m", "pod/"+pod)
			r := stop()
			answered := r.LastAnswer.Sub(begin)
			t.Logf("the Service answered for %v, %d requests, then refused %d", answered.Round(10*time.Millisecond), r.Sent-r.Lost, r.Lost)
			if (answered >= drain) != c.whole {
				t.Errorf("the Service answered for %v, want the whole drain of %v: %v", answered, drain, c.whole)
			}
		})
	}
}

// testGracePeriod stops a pod whose grace period is that of the example, and one
// whose grace period is shorter than its drain.
func testGracePeriod(t *testing.T, manifest string) {
	for _, c := range []struct{ name, manifest, want string }{
		{"grace", manifest, "0"},
		{"short-grace", change(manifest, "terminationGracePeriodSeconds: 20", "terminationGracePeriodSeconds: 2"), "137"},
	} {
		apply(t, restricted, change(c.manifest, "name: argserver", "name: "+c.name, "replicas: 2", "replicas: 1"))
		kubectl(t, "-n", restricted, "rollout", "status", "deployment/"+c.name, "--timeout=2m")
		// The finalizer keeps the pod's status.
		pod := "pod/" + pods(t, restricted, c.name)[0]
		finalizers := func(list string) {
			kubectl(t, "-n", restricted, "patch", pod, `--patch={"metadata": {"finalizers": `+list+`}}`)
		}
		finalizers(`["argserver.test/status"]`)
		t.Cleanup(func() { finalizers("null") })
		kubectl(t, "-n", restricted, "delete", "deployment", c.name)
		const exitCode = "{.status.containerStatuses[0].state.terminated.exitCode}"
		kubectl(t, "-n", restricted, "wait", "--for=jsonpath="+exitCode, "--timeout=1m", pod)
		got := kubectl(t, "-n", restricted, "get", pod, "--output=jsonpath="+exitCode)
		if got != c.want {
			t.Errorf("%s: the exit code is %s, want %s", c.name, got, c.want)
		}
	}
}

// start applies the example in the namespace restricted and waits until its pods
// are those of this manifest and nothing else.
func start(t *testing.T, manifest string) {
	t.Helper()
	apply(t, restricted, manifest)
	kubectl(t, "-n", restricted, "rollout", "status", "deployment/argserver", "--timeout=2m")
	await(t, "only running", func() string {
		if deleted := kubectl(t, "-n", restricted, "get", "pods", "--output=jsonpath={.items[*].metadata.deletionTimestamp}"); deleted != "" {
			return deleted
		}
		return "only running"
	})
}

// ask lets the client ask the Service, and returns the status and the body.
func ask(t *testing.T, path string) string {
	t.Helper()
	return kubectl(t, "-n", restricted, "exec", "client", "--", "/client", "get", serviceURL(t)+path)
}

// serviceURL returns the URL of the Service. Its address needs no name server.
func serviceURL(t *testing.T) string {
	t.Helper()
	return "http://" + kubectl(t, "-n", restricted, "get", "service", "argserver", "--output=jsonpath={.spec.clusterIP}")
}

// startLoad lets the client send requests to the Service. The function that it
// returns ends the load.
func startLoad(t *testing.T, connections string, least int) (stop func() report) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "kubectl", "-n", restricted, "exec", "--stdin", "client", "--",
		"/client", "load", serviceURL(t)+"/env", connections, fmt.Sprint(least))
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(stdout)
	if line, err := reader.ReadString('\n'); line != "started\n" {
		t.Fatalf("the client printed %q (%v), want started", line, err)
	}
	return func() (r report) {
		t.Helper()
		stdin.Close()
		out, err := io.ReadAll(reader)
		if err == nil {
			err = cmd.Wait()
		}
		if err != nil {
			t.Fatalf("the client printed %q (%v)", out, err)
		}
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatalf("the client printed %q: %v", out, err)
		}
		return r
	}
}

// deployment returns the first document of a manifest.
func deployment(manifest string) string {
	first, _, _ := strings.Cut(manifest, "\n---\n")
	return first + "\n"
}

// change replaces texts that must be there.
func change(text string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			panic(fmt.Sprintf("%q is not in %s", pairs[i], text))
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// apply applies a manifest in a namespace.
func apply(t *testing.T, namespace, manifest string) {
	t.Helper()
	cmd := exec.Command("kubectl", "--namespace="+namespace, "apply", "--filename=-")
	cmd.Stdin = strings.NewReader(manifest)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// applyOrNot applies a manifest in the namespace default until the test ends, and
// returns what kubectl says if it refuses.
func applyOrNot(t *testing.T, manifest string) string {
	t.Helper()
	cmd := exec.Command("kubectl", "apply", "--filename=-")
	cmd.Stdin = strings.NewReader(manifest)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out)
	}
	t.Cleanup(func() {
		cmd := exec.Command("kubectl", "delete", "--wait=false", "--filename=-")
		cmd.Stdin = strings.NewReader(manifest)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return ""
}

// awaitDescription waits until kubectl describes the pods of a Deployment in the
// namespace default with a text.
func awaitDescription(t *testing.T, deployment, want string) string {
	t.Helper()
	return await(t, want, func() string {
		return kubectl(t, "describe", "pods", "--selector=app.kubernetes.io/name="+deployment)
	})
}

// await polls until an output contains a text, for two minutes at most.
func await(t *testing.T, want string, output func() string) (out string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		if out = output(); strings.Contains(out, want) {
			return out
		}
	}
	t.Errorf("after two minutes this does not contain %q:\n%s", want, out)
	return out
}

// pods returns the names of the pods of a Deployment.
func pods(t *testing.T, namespace, deployment string) []string {
	t.Helper()
	names := strings.Fields(kubectl(t, "-n", namespace, "get", "pods", "--selector=app.kubernetes.io/name="+deployment, "--output=jsonpath={.items[*].metadata.name}"))
	if len(names) == 0 {
		t.Fatalf("%s has no pods", deployment)
	}
	return names
}

func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return must.Run(t, ".", "kubectl", args...)
}

// startNode runs a cluster until the test ends.
func startNode(t *testing.T) {
	t.Helper()
	folder := t.TempDir()
	cmd := exec.Command("./node", folder)
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the node printed %q (%v), want ready", line, err)
	}
	t.Logf("built and started a cluster in %v", time.Since(begin).Round(time.Second))
	t.Setenv("KUBECONFIG", filepath.Join(folder, "kubeconfig"))
	t.Setenv("PATH", filepath.Join(folder, "bin")+":"+os.Getenv("PATH"))
	t.Setenv("LOAD_IMAGE_ARCHIVE", "load-image-archive")
}

// load gives the cluster an image.
func load(t *testing.T, image string, content v1.Image) {
	t.Helper()
	tag, err := name.NewTag(image)
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "image.tar")
	if err := tarball.WriteToFile(archive, tag, content); err != nil {
		t.Fatal(err)
	}
	must.Run(t, ".", "sh", "-euc", os.Getenv("LOAD_IMAGE_ARCHIVE")+` "$0"`, archive)
}

// buildClient makes an image of the client.
func buildClient(t *testing.T) v1.Image {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "client")
	cmd := exec.Command("go", "build", "-o="+binary, "./client")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	content := must.Read(t, binary)
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: "client", Mode: 0o755, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{Entrypoint: []string{"/client"}},
	})
	if err == nil {
		image, err = mutate.AppendLayers(image, files)
	}
	if err != nil {
		t.Fatal(err)
	}
	return image
}
