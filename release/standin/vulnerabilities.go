package standin

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// WriteVulnerabilities writes a vulnerability database for govulncheck. The entries,
// GO-9999-0001 and so on, say that a symbol of the standard library, such as
// net/http.Serve, is vulnerable in every version of Go so far.
// https://go.dev/doc/security/vuln/database
func WriteVulnerabilities(folder string, symbols ...string) error {
	type object map[string]any
	const modified = "2026-01-01T00:00:00Z"
	ids := []object{}
	files := make(map[string]any)
	for i, symbol := range symbols {
		id := fmt.Sprintf("GO-9999-%04d", i+1)
		ids = append(ids, object{"id": id, "modified": modified, "fixed": "1.999.0"})
		dot := strings.LastIndex(symbol, ".")
		files["ID/"+id+".json"] = object{
			"schema_version": "1.3.1", "id": id, "modified": modified, "published": modified, "summary": "Made up in " + symbol,
			"affected": []object{{
				"package":            object{"name": "stdlib", "ecosystem": "Go"},
				"ranges":             []object{{"type": "SEMVER", "events": []object{{"introduced": "0"}, {"fixed": "1.999.0"}}}},
				"ecosystem_specific": object{"imports": []object{{"path": symbol[:dot], "symbols": []string{symbol[dot+1:]}}}},
			}},
		}
	}
	files["index/db.json"] = object{"modified": modified}
	files["index/modules.json"] = []object{{"path": "stdlib", "vulns": ids}}
	for name, content := range files {
		text, err := json.Marshal(content)
		if err != nil {
			return err
		}
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			return err
		}
	}
	return nil
}
