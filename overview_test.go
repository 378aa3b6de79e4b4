package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var hostileArgv = []string{"/argserver", "", "a b", "<script>alert(1)</script>", "</table>&amp;\"'", "\xff\n\x1b[31m"}

func TestOverview(t *testing.T) {
	server := serveTest(t, hostileArgv)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}

	text := fetch(t, "GET", server.url+"/").body
	for _, want := range []string{
		"arguments\n  0                \"/argserver\"\n  1                \"\"\n  2                \"a b\"\n",
		`  5                "\xff\n\x1b[31m"` + "\n",
		"\n  user  ", "\n  group  ", "\n  directory  ", "\n  addresses        127.0.0.1/8", "\n  uptime           0s\n",
		"\n  cpus  ", "\n  memory  ",
		"\n  host             " + host + "\n",
		"\n  version          devel\n",
		"\n  method           GET\n", "\n  User-Agent       Go-http-client/1.1\n",
		"\n  /args/N          the bytes of argument N\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the overview lacks %q:\n%s", want, text)
		}
	}

	var facts struct {
		Arguments []string
		Process   struct {
			User, Group             *int
			Directory, Host, Uptime string
			Addresses               []string
		}
		Limits  map[string]any
		Version map[string]string
		Request struct {
			Method  string
			Headers map[string][]string
		}
	}
	decoder := json.NewDecoder(strings.NewReader(fetch(t, "GET", server.url+"/", "Accept", "application/json").body))
	if err := decoder.Decode(&facts); err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(hostileArgv)
	want[5] = "\ufffd\n\x1b[31m"
	if !slices.Equal(facts.Arguments, want) {
		t.Errorf("arguments are %q, want %q", facts.Arguments, want)
	}
	if facts.Process.User == nil || *facts.Process.User != os.Getuid() || facts.Process.Host != host || facts.Process.Uptime != "0s" ||
		facts.Version["version"] != "devel" || facts.Request.Method != "GET" || facts.Request.Headers["Accept"][0] != "application/json" {
		t.Errorf("got %+v", facts)
	}
}

func TestPage(t *testing.T) {
	server := serveTest(t, hostileArgv)
	a := fetch(t, "GET", server.url+"/", "Accept", "text/html", "X-Evil", "<img src=x onerror=alert(1)>")
	const policy = `^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$`
	if got := a.header.Get("Content-Security-Policy"); !regexp.MustCompile(policy).MatchString(got) {
		t.Errorf("Content-Security-Policy = %q, want %s", got, policy)
	}
	for _, want := range []string{"<td>&#34;&#34;\n", "&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;img src=x onerror=alert(1)&gt;"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page lacks %q:\n%s", want, a.body)
		}
	}
	for _, never := range []string{"<script", "<img", "http://127", "href=", "src=\""} {
		if strings.Contains(a.body, never) {
			t.Errorf("the page holds %q:\n%s", never, a.body)
		}
	}
}

func TestCgroupLimits(t *testing.T) {
	for _, c := range []struct {
		name         string
		files        map[string]string
		cpus, memory any
	}{
		{"none", nil, nil, nil},
		{"version 2 in a container", map[string]string{"/proc/self/cgroup": "0::/", "/sys/fs/cgroup//cpu.max": "50000 100000", "/sys/fs/cgroup//memory.max": "67108864"}, 0.5, int64(67108864)},
		{"version 2 of a unit", map[string]string{"/proc/self/cgroup": "0::/system.slice/a.service", "/sys/fs/cgroup/system.slice/a.service/cpu.max": "250000 100000", "/sys/fs/cgroup/system.slice/a.service/memory.max": "max"}, 2.5, nil},
		{"version 2 without limits", map[string]string{"/proc/self/cgroup": "0::/", "/sys/fs/cgroup//cpu.max": "max 100000", "/sys/fs/cgroup//memory.max": "max"}, nil, nil},
		{"version 1", map[string]string{"/proc/self/cgroup": "2:cpu:/docker/a\n1:memory:/docker/a", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "6442450944"}, 1.5, int64(6442450944)},
		{"version 1 without limits", map[string]string{"/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}, nil, nil},
		{"garbled", map[string]string{"/proc/self/cgroup": "0::/", "/sys/fs/cgroup//cpu.max": "a b c", "/sys/fs/cgroup//memory.max": "lots"}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := cgroupLimits(func(path string) string { return c.files[path] })
			if got[0].value != c.cpus || got[1].value != c.memory {
				t.Errorf("got %v, want %v and %v", got, c.cpus, c.memory)
			}
		})
	}
}

// FuzzPage checks that a value changes no tag of the page, wherever it stands.
func FuzzPage(f *testing.F) {
	for _, s := range hostileArgv {
		f.Add(s)
	}
	tags := regexp.MustCompile(`<[^>]*>`)
	skeleton := func(value string) []string {
		return tags.FindAllString(string(page(object{
			{"arguments", []string{value, "/" + value}},
			{"process", object{{"directory", value}, {"headers", object{{"X", []string{value, value}}}}}},
		})), -1)
	}
	want := skeleton("a")
	f.Fuzz(func(t *testing.T, value string) {
		if got := skeleton(value); !slices.Equal(got, want) {
			t.Errorf("%q changes the page's tags to %q", value, got)
		}
	})
}
