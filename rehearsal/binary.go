package rehearsal

import (
	"debug/buildinfo"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// CheckBinary reports everything that is wrong with the raw binary of a
// platform: a build for another platform, by another Go than goVersion (such as
// "go1.26.8") or with other settings, and on Linux a binary that is not static.
func CheckBinary(path string, p v1.Platform, goVersion string) error {
	problems := []error{checkBuildInfo(path, p, goVersion)}
	if p.OS == "linux" {
		problems = append(problems, checkELF(path, p))
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// checkBuildInfo holds the settings that the Go linker wrote into the binary
// against those of the release. -ldflags is not among them, since -trimpath
// leaves it out.
func checkBuildInfo(path string, p v1.Platform, goVersion string) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	var problems []error
	if info.GoVersion != goVersion {
		problems = append(problems, fmt.Errorf("built by %s, want %s", info.GoVersion, goVersion))
	}
	want := map[string]string{
		"GOOS":        p.OS,
		"GOARCH":      p.Architecture,
		"CGO_ENABLED": "0",
		"-tags":       "netgo",
		"-trimpath":   "true",
	}
	switch p.Architecture {
	case "arm":
		want["GOARM"] = strings.TrimPrefix(p.Variant, "v")
	case "mips", "mipsle":
		want["GOMIPS"] = "softfloat"
	}
	for _, setting := range info.Settings {
		if value, ok := want[setting.Key]; ok && setting.Value != value {
			problems = append(problems, fmt.Errorf("built with %s=%s, want %s", setting.Key, setting.Value, value))
		}
		delete(want, setting.Key)
	}
	for key, value := range want {
		problems = append(problems, fmt.Errorf("built without %s, want %s", key, value))
	}
	return errors.Join(problems...)
}

// elfHeaders says what the ELF header of a GOARCH must hold.
var elfHeaders = map[string]struct {
	class   elf.Class
	order   binary.ByteOrder
	machine elf.Machine
}{
	"386":      {elf.ELFCLASS32, binary.LittleEndian, elf.EM_386},
	"amd64":    {elf.ELFCLASS64, binary.LittleEndian, elf.EM_X86_64},
	"arm":      {elf.ELFCLASS32, binary.LittleEndian, elf.EM_ARM},
	"arm64":    {elf.ELFCLASS64, binary.LittleEndian, elf.EM_AARCH64},
	"loong64":  {elf.ELFCLASS64, binary.LittleEndian, elf.EM_LOONGARCH},
	"mips":     {elf.ELFCLASS32, binary.BigEndian, elf.EM_MIPS},
	"mipsle":   {elf.ELFCLASS32, binary.LittleEndian, elf.EM_MIPS},
	"mips64":   {elf.ELFCLASS64, binary.BigEndian, elf.EM_MIPS},
	"mips64le": {elf.ELFCLASS64, binary.LittleEndian, elf.EM_MIPS},
	"ppc64":    {elf.ELFCLASS64, binary.BigEndian, elf.EM_PPC64},
	"ppc64le":  {elf.ELFCLASS64, binary.LittleEndian, elf.EM_PPC64},
	"riscv64":  {elf.ELFCLASS64, binary.LittleEndian, elf.EM_RISCV},
	"s390x":    {elf.ELFCLASS64, binary.BigEndian, elf.EM_S390},
}

// checkELF reports a header that does not fit the platform, what makes a binary
// depend on a dynamic linker, and tables that stripping would have removed.
func checkELF(path string, p v1.Platform) error {
	file, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var problems []error
	want := elfHeaders[p.Architecture]
	if file.Class != want.class || file.ByteOrder != want.order || file.Machine != want.machine {
		problems = append(problems, fmt.Errorf("ELF header says %v %v %v, want %v %v %v",
			file.Class, file.ByteOrder, file.Machine, want.class, want.order, want.machine))
	}
	if file.Type != elf.ET_EXEC {
		problems = append(problems, fmt.Errorf("ELF type %v, want %v", file.Type, elf.ET_EXEC))
	}
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP || segment.Type == elf.PT_DYNAMIC {
			problems = append(problems, fmt.Errorf("not static: it has a segment %v", segment.Type))
		}
	}
	for _, section := range file.Sections {
		if section.Type == elf.SHT_DYNAMIC || section.Type == elf.SHT_DYNSYM {
			problems = append(problems, fmt.Errorf("not static: it has a section %s", section.Name))
		}
		if section.Type == elf.SHT_SYMTAB || strings.HasPrefix(section.Name, ".debug_") || strings.HasPrefix(section.Name, ".zdebug_") {
			problems = append(problems, fmt.Errorf("not stripped: it has a section %s", section.Name))
		}
	}
	return errors.Join(problems...)
}
