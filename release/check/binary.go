package check

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Binary reports everything that is wrong with the binary for a platform: a build
// for another platform, with another version of Go or with other settings. On
// Linux it must be static and stripped. An empty goVersion accepts any.
func Binary(content []byte, p v1.Platform, goVersion string) error {
	problems := []error{checkBuildInfo(content, p, goVersion)}
	if p.OS == "linux" {
		problems = append(problems, checkELF(content, p))
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("binary for %s: %w", p, err)
	}
	return nil
}

// checkBuildInfo compares the settings that the Go linker wrote into the binary
// with those of the release. They do not include -ldflags, which -trimpath
// removes.
func checkBuildInfo(content []byte, p v1.Platform, goVersion string) error {
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		return err
	}
	var problems []error
	if goVersion != "" && info.GoVersion != goVersion {
		problems = append(problems, fmt.Errorf("built by %s, want %s", info.GoVersion, goVersion))
	}
	want := map[string]string{
		"GOOS":        p.OS,
		"GOARCH":      p.Architecture,
		"CGO_ENABLED": "0",
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

// elfHeaders maps each GOARCH to what its ELF header must contain.
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

// checkELF reports a header that does not match the platform, a dependency on a
// dynamic linker, and tables that stripping removes.
func checkELF(content []byte, p v1.Platform) error {
	file, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return err
	}
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
