// Package ordered writes objects whose members keep their order, as JSON and as text.
package ordered

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An Object is a JSON object whose members keep their order.
type Object []Member

type Member = struct {
	Name  string
	Value any // one of the types in appendJSON
}

// AppendJSON appends a value as JSON to b. It replaces encoding/json, which would
// add 190 kB to the binary. It panics on a value of another type, a fault of the
// caller.
func AppendJSON(b []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return appendJSONString(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	case []string:
		b = append(b, '[')
		for i, element := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, element)
		}
		return append(b, ']')
	case Object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSONString(b, m.Name), ':')
			b = AppendJSON(b, m.Value)
		}
		return append(b, '}')
	case nil:
		return append(b, "null"...)
	default:
		panic(fmt.Sprintf("appendJSON: a value has the type %T", v))
	}
}

// appendJSONString appends a string as JSON to b. Like encoding/json, it replaces
// each invalid UTF-8 byte with U+FFFD. It escapes every control character, because a
// terminal acts on U+0080 to U+009F as well.
func appendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r < ' ' || 0x7f <= r && r <= 0xffff && !strconv.IsPrint(r):
			// JSON allows these, but a terminal may obey them, or show text backwards.
			b = append(b, '\\', 'u', hex[r>>12], hex[r>>8&0xf], hex[r>>4&0xf], hex[r&0xf])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// Printable returns a value as text that is safe on a terminal: it quotes a string
// that strconv.Quote has to escape, such as one with control characters.
func Printable(value any) string {
	switch v := value.(type) {
	case nil:
		return "none"
	case []string:
		if len(v) == 0 {
			return "none"
		}
		quoted := make([]string, len(v))
		for i, element := range v {
			quoted[i] = Printable(element)
		}
		return strings.Join(quoted, ", ")
	case string:
		if quoted := strconv.Quote(v); quoted != `"`+v+`"` {
			return quoted
		}
	}
	return fmt.Sprint(value)
}

// AppendPrintable appends what printable returns.
func AppendPrintable(b []byte, value any) []byte {
	s, ok := value.(string)
	for i := 0; ok && i < len(s); i++ {
		ok = ' ' <= s[i] && s[i] <= '~' && s[i] != '"' && s[i] != '\\'
	}
	if ok {
		return append(b, s...)
	}
	return append(b, Printable(value)...)
}
