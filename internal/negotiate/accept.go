package negotiate

import (
	"strings"
)

// acceptedFormat returns the format with the highest weight in Accept. If several
// have it, the one whose range stands first wins, then the first format. If Accept
// matches or allows none, it returns the first format, because a response helps more
// than 406 does.
//
// The most specific range decides about a format, so that "text/plain;q=0, */*"
// refuses text. A range with parameters other than charset=utf-8 still matches, but ranks
// below the bare type. A range with an invalid weight counts for nothing.
// https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
func acceptedFormat(accept []string, formats []Format) Format {
	best, bestWeight, bestPosition := formats[0], 0, 0
	for _, f := range formats {
		if weight, position := acceptedWeight(accept, f.MediaType); weight > bestWeight || weight == bestWeight && position < bestPosition {
			best, bestWeight, bestPosition = f, weight, position
		}
	}
	return best
}

// acceptedWeight returns the weight of a media type in Accept, in thousandths, and
// the position of the range that decides. The weight of a type that no range
// matches is 0.
func acceptedWeight(accept []string, mediaType string) (weight, position int) {
	mainType, _, _ := strings.Cut(mediaType, "/")
	list := strings.ToLower(strings.Join(accept, ","))
	for specific, i := 0, 0; list != "" && mediaType != ""; i++ {
		var element string
		element, list = cutUnquoted(list, ',')
		name, parameters := cutUnquoted(element, ';')
		var s int
		switch strings.TrimSpace(name) {
		case "*/*":
			s = 1
		case mainType + "/*":
			s = 2
		case mediaType:
			s = 4
		}
		w := 1000
		for parameters != "" {
			var parameter string
			parameter, parameters = cutUnquoted(parameters, ';')
			parameter = strings.TrimSpace(parameter)
			name, value, _ := strings.Cut(parameter, "=")
			switch name = strings.TrimSpace(name); {
			case name == "q":
				w = parseWeight(strings.TrimPrefix(parameter, "q="))
			case s == 4 && name != "":
				s = 3
				if name == "charset" && (value == "utf-8" || value == `"utf-8"`) {
					s = 5
				}
			}
		}
		if w >= 0 && (s > specific || s == specific && s > 0 && w > weight) {
			specific, weight, position = s, w, i
		}
	}
	return weight, position
}

// parseWeight returns a weight in thousandths, or -1 if it is not a number from 0 to
// 1 with at most three decimals.
// https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2
func parseWeight(s string) int {
	if s == "" || s[0] != '0' && s[0] != '1' || len(s) > 1 && s[1] != '.' || len(s) > len("0.000") {
		return -1
	}
	weight, unit := int(s[0]-'0')*1000, 100
	for _, digit := range []byte(s[min(len(s), 2):]) {
		if digit < '0' || digit > '9' {
			return -1
		}
		weight += int(digit-'0') * unit
		unit /= 10
	}
	if weight > 1000 {
		return -1
	}
	return weight
}

// cutUnquoted cuts a list at the first separator that is not in a quoted string.
// https://www.rfc-editor.org/rfc/rfc9110#section-5.6.4
func cutUnquoted(list string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == separator && !quoted:
			return list[:i], list[i+1:]
		}
	}
	return list, ""
}
