package main

import (
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParsePeers(t *testing.T) {
	got, err := parsePeers("whoami / ./whoami --port {port}\n\nother\t/echo PORT={port} A=b ./other\n")
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v (%v), want two peers", got, err)
	}
	if p := got[0]; p.name != "whoami" || p.paths != [3]string{"/", "/", "/"} || p.environ != nil || !slices.Equal(p.command, []string{"./whoami", "--port", "{port}"}) {
		t.Errorf("the first is %+v", p)
	}
	if p := got[1]; p.paths[0] != "/echo" || !slices.Equal(p.environ, []string{"PORT={port}", "A=b"}) || !slices.Equal(p.command, []string{"./other"}) {
		t.Errorf("the second is %+v", p)
	}
	for _, text := range []string{"whoami", "whoami /", "whoami ./whoami {port}", "whoami / ./whoami", "whoami / PORT={port}"} {
		if got, err := parsePeers("ok / ok {port}\n" + text); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q is read as %v (%v), want an error that names line 2", text, got, err)
		}
	}
}

func TestParseWrk(t *testing.T) {
	const out = `Running 2s test @ http://127.0.0.1:8080/args
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.65ms    1.02ms  12.00ms   80.00%
    Req/Sec    36.50k     1.20k   38.00k    75.00%
  Latency Distribution
     50%    1.50ms
     75%    1.90ms
     90%    2.60ms
     99%   12.00ms
  72832 requests in 2.00s, 10.56MB read
Requests/sec:  36416.25
Transfer/sec:      5.28MB
`
	got, requests, err := parseWrk(out)
	if want := (load{rate: 36416.25, p50: 1500, p99: 12000}); err != nil || got != want || requests != 72832 {
		t.Errorf("got %+v and %v requests (%v), want %+v and 72832", got, requests, err, want)
	}
	for _, tampered := range []string{
		"",
		strings.Replace(out, "99%", "98%", 1),
		strings.Replace(out, "12.00ms\n  7", "soon\n  7", 1),
		strings.Replace(out, "Requests/sec", "  Non-2xx or 3xx responses: 72832\nRequests/sec", 1),
		strings.Replace(out, "Requests/sec", "  Socket errors: connect 0, read 1, write 0, timeout 0\nRequests/sec", 1),
	} {
		if got, _, err := parseWrk(tampered); err == nil {
			t.Errorf("read as %+v, want an error: %s", got, tampered)
		}
	}
}

func TestParseStat(t *testing.T) {
	const stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 12 34 5 6 20 0 4 0 100\n"
	if got, err := parseStat(stat); err != nil || got != 460*time.Millisecond {
		t.Errorf("got %v (%v), want 460ms", got, err)
	}
	for _, tampered := range []string{"", "42 (a) S 1 42", strings.Replace(stat, "34", "x", 1)} {
		if got, err := parseStat(tampered); err == nil {
			t.Errorf("%q is read as %v, want an error", tampered, got)
		}
	}
}

func TestParseRollup(t *testing.T) {
	const rollup = "00400000-7ffe ---p 00000000 00:00 0    [rollup]\nRss:                5812 kB\nPss:                5805 kB\nPss_Dirty:          1004 kB\n"
	if got, err := parseRollup(rollup); err != nil || got != (memory{5805, 5812}) {
		t.Errorf("got %+v (%v), want PSS 5805 and RSS 5812", got, err)
	}
	if got, err := parseRollup(strings.Replace(rollup, "Pss:", "Pss_Anon:", 1)); err == nil {
		t.Errorf("without Pss it is read as %+v, want an error", got)
	}
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		samples    []float64
		part, want float64
	}{
		{[]float64{7}, 0.5, 7},
		{[]float64{9, 1, 5}, 0.5, 5},
		{[]float64{4, 1, 3, 2}, 0.5, 2.5},
		{[]float64{5, 4, 3, 2, 1}, 0.25, 2},
		{[]float64{5, 4, 3, 2, 1}, 1, 5},
	} {
		if got := quantile(c.samples, c.part); got != c.want {
			t.Errorf("quantile %v of %v is %v, want %v", c.part, c.samples, got, c.want)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0.5: "0.50", 2.714: "2.71", 9.996: "10.0", 99.96: "100", 999.6: "1,000", 5922978: "5,922,978"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}

// testTable returns a table with a program whose name needs escaping in an SVG.
func testTable() *table {
	t := newTable([]program{{name: "baseline"}, {name: "argserver"}, {name: "<a&b>"}})
	for i, size := range []float64{2_000_000, 1_500_000, 4_000_000} {
		t.add(pulled(host), i, size)
		t.add(firstAnswer, i, size/1e6)
		t.add(firstAnswer, i, size/1e6+1)
		t.add(firstAnswer, i, size/1e6+5)
	}
	t.add("only one", 1, 3)
	return t
}

func TestReplaceTable(t *testing.T) {
	for old, want := range map[string]string{
		"":             "<!-- table -->\n\nnew\n",
		"# Measured\n": "# Measured\n<!-- table -->\n\nnew\n",
		"# Measured\n\n<!-- table -->\n\nold\nold\n": "# Measured\n\n<!-- table -->\n\nnew\n",
	} {
		if got := replaceTable(old, "new\n"); got != want {
			t.Errorf("in %q the table makes %q, want %q", old, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	for _, got := range []string{testTable().text(), testTable().markdown()} {
		for _, want := range []string{"2,000,000", "1,500,000 ×0.75", "4,000,000 ×2.00", "3.00 [2.50–5.00]", "2.50 [2.00–4.50] ×0.83", "only one"} {
			if !strings.Contains(got, want) {
				t.Errorf("the table lacks %q:\n%s", want, got)
			}
		}
	}
	const want = "| figure | baseline | argserver | <a&b> |\n|---|--:|--:|--:|\n"
	if got := testTable().markdown(); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "| only one |  | 3.00 |  |\n") {
		t.Errorf("as Markdown the table is\n%s", got)
	}
}

// The picture is well-formed XML for any program name. Each panel has a bar for
// each program, and the longest bar is the largest figure.
func TestChart(t *testing.T) {
	decoder := xml.NewDecoder(strings.NewReader(string(drawChart(testTable()))))
	var widths []string
	own := 0
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		element, ok := token.(xml.StartElement)
		if !ok || element.Name.Local != "rect" {
			continue
		}
		for _, attribute := range element.Attr {
			switch {
			case attribute.Name.Local == "width":
				widths = append(widths, attribute.Value)
			case attribute.Name.Local == "class" && attribute.Value == "own":
				own++
			}
		}
	}
	if want := []string{"220.0", "165.0", "440.0", "264.0", "220.0", "440.0"}; !slices.Equal(widths, want) {
		t.Errorf("the bars are %q wide, want %q", widths, want)
	}
	if own != 2 {
		t.Errorf("%d bars are argserver's, want 2", own)
	}
}
