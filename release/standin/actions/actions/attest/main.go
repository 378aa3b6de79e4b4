// Attest is a stand-in for the action actions/attest. It makes the same provenance
// from the claims in the job's identity token, and signs it with cosign.
//
//	attest files CHECKSUMS BUNDLE
//	attest image IMAGE BUNDLE
//
// The first attests all files that CHECKSUMS lists, in the format of sha256sum. The
// second attests an image, named by digest, and pushes the attestation to its
// registry. Both write the attestation into the file BUNDLE.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"argserver/release/check"
)

func main() {
	if len(os.Args) != 4 || os.Args[1] != "files" && os.Args[1] != "image" {
		fmt.Fprintf(os.Stderr, "attest: got %q, want files CHECKSUMS BUNDLE or image IMAGE BUNDLE\n", os.Args[1:])
		os.Exit(2)
	}
	if err := attest(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintf(os.Stderr, "attest: %v\n", err)
		os.Exit(1)
	}
}

type object = map[string]any

// predicateType is the one of SLSA's provenance.
const predicateType = "https://slsa.dev/provenance/v1"

func attest(kind, subject, bundle string) error {
	claims, err := readClaims()
	if err != nil {
		return err
	}
	provenance := makeProvenance(claims)
	args := []string{"attest", "--yes", "--type=" + predicateType, "--bundle=" + bundle, subject}
	content, flag := provenance, "--predicate="
	if kind == "files" {
		args = []string{"attest-blob", "--yes", "--bundle=" + bundle}
		flag = "--statement="
		subjects, err := readSubjects(subject)
		if err != nil {
			return err
		}
		content = object{"_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": predicateType, "predicate": provenance}
	}
	text, err := json.Marshal(content)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "attest")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "content.json")
	if err := os.WriteFile(path, text, 0o666); err != nil {
		return err
	}
	cmd := exec.Command("cosign", append(args, flag+path)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// readSubjects reads what to attest.
func readSubjects(checksums string) ([]object, error) {
	content, err := os.ReadFile(checksums)
	if err != nil {
		return nil, err
	}
	sums, err := check.ParseSums(string(content))
	if err != nil {
		return nil, err
	}
	var subjects []object
	for name, sum := range sums {
		subjects = append(subjects, object{"name": name, "digest": object{"sha256": sum}})
	}
	return subjects, nil
}

// readClaims gets an identity token for this job and returns the claims in it.
func readClaims() (map[string]string, error) {
	request, err := http.NewRequest(http.MethodGet, os.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL")+"&audience=nobody", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	var answer struct{ Value string }
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("the issuer answered %s %q: %w", response.Status, body, err)
	}
	parts := strings.Split(answer.Value, ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("the issuer answered %q, want a token of three parts", answer.Value)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var all object
	if err := json.Unmarshal(payload, &all); err != nil {
		return nil, err
	}
	claims := make(map[string]string)
	for name, value := range all {
		claims[name], _ = value.(string)
	}
	return claims, nil
}

// makeProvenance returns what actions/attest says of the files of a job.
// https://actions.github.io/buildtypes/workflow/v1
func makeProvenance(claims map[string]string) object {
	const server = "https://github.com/"
	repository := server + claims["repository"]
	path, ref, _ := strings.Cut(strings.TrimPrefix(claims["workflow_ref"], claims["repository"]+"/"), "@")
	return object{
		"buildDefinition": object{
			"buildType": "https://actions.github.io/buildtypes/workflow/v1",
			"externalParameters": object{
				"workflow": object{"ref": ref, "repository": repository, "path": path},
			},
			"internalParameters": object{
				"github": object{
					"event_name":          claims["event_name"],
					"repository_id":       claims["repository_id"],
					"repository_owner_id": claims["repository_owner_id"],
					"runner_environment":  claims["runner_environment"],
				},
			},
			"resolvedDependencies": []object{
				{"uri": "git+" + repository + "@" + claims["ref"], "digest": object{"gitCommit": claims["sha"]}},
			},
		},
		"runDetails": object{
			"builder":  object{"id": server + claims["job_workflow_ref"]},
			"metadata": object{"invocationId": repository + "/actions/runs/" + claims["run_id"] + "/attempts/" + claims["run_attempt"]},
		},
	}
}
