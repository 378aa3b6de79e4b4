package workflow

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"argserver/release/internal/must"
	"argserver/release/notes"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// binary is the one that the release notes check.
const binary = "argserver_linux_amd64"

const pipeline = "/.github/workflows/pipeline.yml@"

// The release notes of v1.2.3 accept this signer only.
var releaser = signer{repository, "refs/tags/v1.2.3", repository + pipeline + "refs/tags/v1.2.3"}

// A publication is what somebody publishes as v1.2.3. A part without a signer is
// not signed.
type publication struct {
	name                                string
	signature, provenance               *signer // of the image
	checksumsSignature, filesProvenance *signer
	tamper                              func(t *testing.T, folder string)
	pull, download, sbom                string // the refusal of each block of commands; empty if it accepts
}

// The notes of a release refuse whatever the pipeline did not sign for this very
// repository and tag.
func TestSignatures(t *testing.T) {
	good := publication{signature: &releaser, provenance: &releaser, checksumsSignature: &releaser, filesProvenance: &releaser}
	publications := []publication{good}
	publications[0].name = "good"
	add := func(name string, change func(p *publication)) {
		p := good
		p.name = name
		change(&p)
		publications = append(publications, p)
	}

	// cosign leaves out what another signer attached to an image.
	const (
		noSignature  = "none of the attestations matched the predicate type: https://sigstore.dev/cosign/sign/v1, found: https://slsa.dev/provenance/v1"
		noProvenance = "none of the attestations matched the predicate type: slsaprovenance1, found: https://sigstore.dev/cosign/sign/v1"
	)
	add("image without signature", func(p *publication) { p.signature, p.pull = nil, noSignature })
	add("image without provenance", func(p *publication) { p.provenance, p.pull = nil, noProvenance })
	old := signer{repository, "refs/tags/v1.2.2", repository + pipeline + "refs/tags/v1.2.2"}
	for name, s := range map[string]*signer{
		"another workflow":   {repository, "refs/tags/v1.2.3", repository + "/.github/workflows/ci.yml@refs/tags/v1.2.3"},
		"another tag":        &old,
		"another repository": {"Mallory/argserver", "refs/tags/v1.2.3", "Mallory/argserver" + pipeline + "refs/tags/v1.2.3"},
		// Anybody may call the pipeline, which then signs for the caller.
		"this pipeline for another repository": {"Mallory/evil", "refs/tags/v1.2.3", releaser.job},
		"this pipeline for another tag":        {repository, "refs/tags/v1.2.2", releaser.job},
		"the pipeline of a fork":               {repository, "refs/tags/v1.2.3", "Mallory/argserver" + pipeline + "refs/tags/v1.2.3"},
		// GitHub finds it under the name of this repository too.
		"a commit of a fork": {repository, "refs/tags/v1.2.3", repository + pipeline + strings.Repeat("1", 40)},
	} {
		refusal := fmt.Sprintf("got %q", s.ref)
		if s.job != releaser.job {
			refusal = fmt.Sprintf("got %q", "https://github.com/"+s.job)
		} else if s.repository != repository {
			refusal = fmt.Sprintf("got %q", s.repository)
		}
		add("image signed by "+name, func(p *publication) { p.signature, p.pull = s, noSignature })
		add("image attested by "+name, func(p *publication) { p.provenance, p.pull = s, noProvenance })
		add("checksums signed by "+name, func(p *publication) { p.checksumsSignature, p.download = s, refusal })
		add("files attested by "+name, func(p *publication) { p.filesProvenance, p.download, p.sbom = s, refusal, refusal })
	}
	write := func(name string) func(t *testing.T, folder string) {
		return func(t *testing.T, folder string) { must.Write(t, filepath.Join(folder, name), "evil") }
	}
	add("another binary", func(p *publication) { p.tamper, p.download = write(binary), binary+": FAILED" })
	add("another SBOM", func(p *publication) {
		p.tamper, p.sbom = write(binary+".spdx.json"), "provided artifact digests do not match digests in statement"
	})
	add("other checksums", func(p *publication) { p.tamper, p.download = write("checksums.txt"), "invalid signature" })
	add("another binary with its checksum", func(p *publication) {
		p.download = "invalid signature"
		p.tamper = func(t *testing.T, folder string) {
			write(binary)(t, folder)
			must.Run(t, folder, "sh", "-c", "sha256sum "+binary+" >checksums.txt")
		}
	})
	add("everything of another release", func(p *publication) {
		p.signature, p.provenance, p.checksumsSignature, p.filesProvenance = &old, &old, &old, &old
		p.pull, p.download, p.sbom = old.job, old.job, old.job
	})

	programs := buildPrograms(t)
	s := startSigstore(t, programs)
	host := must.Registry(t)
	for i, p := range publications {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s.checkPublication(t, p, programs, fmt.Sprintf("%s/%d", host, i))
		})
	}
}

// checkPublication publishes, and runs the commands of the release notes.
func (s *sigstore) checkPublication(t *testing.T, p publication, programs, registry string) {
	folder := t.TempDir()
	standins, err := filepath.Abs("../standin/bin")
	if err != nil {
		t.Fatal(err)
	}
	run := func(by *signer, script string) (string, error) {
		cmd := exec.Command("bash", "-euc", script)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "PATH="+programs+":"+standins+":"+os.Getenv("PATH"), "TOOLS="+programs)
		for name, value := range s.trust {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		if by != nil {
			for name, value := range s.identity(*by, strings.Repeat("0", 40)) {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
		}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	sign := func(by *signer, script string) {
		t.Helper()
		if by == nil {
			return
		}
		if out, err := run(by, script); err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
	}

	image := registry + "/" + strings.ToLower(repository)
	index, err := random.Index(100, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(must.Reference(t, image+":1.2.3"), index); err != nil {
		t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	sign(p.signature, "cosign sign --yes "+image+"@"+digest.String())
	sign(p.provenance, "attest image "+image+"@"+digest.String()+" image-provenance")

	must.Write(t, filepath.Join(folder, "files", binary), "binary")
	must.Write(t, filepath.Join(folder, "files", binary+".spdx.json"), "SBOM")
	must.Run(t, folder, "sh", "-c", "cd files && sha256sum * >../subjects && sha256sum "+binary+" >checksums.txt")
	sign(p.checksumsSignature, "cosign sign-blob --yes --bundle files/checksums.txt.sigstore.json files/checksums.txt")
	sign(p.filesProvenance, "attest files subjects files/provenance.sigstore.json")
	if p.tamper != nil {
		p.tamper(t, filepath.Join(folder, "files"))
	}
	server := httptest.NewServer(http.StripPrefix("/"+repository+"/releases/download/v1.2.3", http.FileServer(http.Dir(filepath.Join(folder, "files")))))
	defer server.Close()

	blocks := shellBlocks(strings.ReplaceAll(renderNotes(t, registry, repository), "https://github.com/"+repository+"/releases", server.URL+"/"+repository+"/releases"))
	all := notes.Commands(blocks[1])
	sbom := all[len(all)-1]
	for _, block := range []struct{ name, script, refusal string }{
		{"pull", strings.Replace(blocks[0], "docker pull", "echo", 1), p.pull}, // Docker cannot run a random image
		{"download", blocks[1], p.download},
		{"sbom", "cp files/* .\n" + strings.Replace(sbom, binary, binary+".spdx.json", 1), p.sbom},
	} {
		out, err := run(nil, block.script)
		if (err == nil) != (block.refusal == "") || !strings.Contains(out, block.refusal) {
			t.Errorf("%s: %v, want a refusal that contains %q; the commands print\n%s", block.name, err, block.refusal, out)
		} else if err != nil {
			t.Logf("%s is refused: %s", block.name, lastLine(out))
		}
	}

	// The workflow refuses the same.
	script := fmt.Sprintf("GITHUB_REPOSITORY=%s REGISTRY=%s verify signatures v1.2.3 files %s@%s", repository, registry, image, digest)
	out, err := run(nil, script)
	if refused := p.pull+p.download+p.sbom != ""; (err != nil) != refused {
		t.Errorf("%s: %v, want a refusal: %v; it prints\n%s", script, err, refused, out)
	}
}

// renderNotes returns the notes of the release v1.2.3, without its changes.
func renderNotes(t *testing.T, registry, repository string) string {
	t.Helper()
	text, err := notes.Render("argserver", "v1.2.3", map[string]string{
		"REGISTRY": registry, "GITHUB_REPOSITORY": repository, "PIPELINE": notes.Pipeline(repository, "v1.2.3"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// shellBlocks returns the blocks of shell commands in a document.
func shellBlocks(document string) (blocks []string) {
	for _, match := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(document, -1) {
		blocks = append(blocks, match[1])
	}
	return blocks
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// README and RELEASING have the commands of the notes, except for the last block, which
// rebuilds.
func TestDocuments(t *testing.T) {
	documents := must.Read(t, "../../README.md") + must.Read(t, "../../RELEASING.md")
	blocks := shellBlocks(strings.ReplaceAll(renderNotes(t, "ghcr.io", "OWNER/argserver"), "ghcr.io/owner/", "ghcr.io/OWNER/"))
	if len(blocks) != 4 || len(notes.Commands(strings.Join(blocks, ""))) != 5 {
		t.Fatalf("the notes have the blocks %q, want 4 with 5 commands that verify", blocks)
	}
	for _, block := range blocks[:3] {
		if !strings.Contains(documents, "```sh\n"+block+"```") {
			t.Errorf("README and RELEASING lack this block of the release notes:\n%s", block)
		}
	}
}
