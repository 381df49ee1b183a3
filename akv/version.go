package akv

import (
	"regexp"
	"strconv"
	"strings"
)

// Level orders API versions by what they can do.
type Level uint8

// The levels; each includes what the earlier ones offer.
const (
	V2016   Level = iota + 1 // 2016-10-01
	V70                      // 7.0
	V71                      // 7.1: recoverableDays
	V72                      // 7.2: oct keys, AES algorithms, exportable, Managed HSM
	V73                      // 7.3: release, rotation, random bytes
	V74                      // 7.4
	V75                      // 7.5: hsmPlatform
	V76                      // 7.6: attestation, HS256, CKM_AES_KEY_WRAP
	V202507                  // 2025-07-01 and its preview
	V202601                  // 2026-01-01-preview: secure wrap, external keys, key_size in attributes
	V202604                  // 2026-04-01 and its preview of March
	V202605                  // 2026-05-01-preview: AKP keys
	V202607                  // 2026-07-01-preview
)

// LatestVersion is the newest stable API version that the package knows, for messages and as a client's default.
const LatestVersion = "2026-04-01"

// APIVersion is an api-version that a request names. Its zero value is none.
type APIVersion struct {
	Name  string // as the caller wrote it
	Level Level
}

// At reports whether the version is at least l.
func (v APIVersion) At(l Level) bool { return v.Level >= l }

// String is the name.
func (v APIVersion) String() string { return v.Name }

func datedVersions() map[string]Level {
	return map[string]Level{
		"2016-10-01":         V2016,
		"2025-06-01-preview": V202507,
		"2025-07-01":         V202507,
		"2026-01-01-preview": V202601,
		"2026-03-01-preview": V202604,
		"2026-04-01":         V202604,
		"2026-05-01-preview": V202605,
		"2026-07-01-preview": V202607,
	}
}

// Versions lists the API versions with a name of their own, oldest first. Previews of 7.x are accepted besides.
func Versions() []string {
	return []string{
		"2016-10-01", "7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-06-01-preview", "2025-07-01",
		"2026-01-01-preview", "2026-03-01-preview", "2026-04-01", "2026-05-01-preview", "2026-07-01-preview",
	}
}

// VersionParser reads api-version values. Its zero value accepts the versions that the package knows.
type VersionParser struct {
	// AcceptNewer takes later versions (dated, or 7.x above 7.6) for the newest known one.
	AcceptNewer bool
}

// Parse reads an api-version; false for one that is not known.
func (p VersionParser) Parse(s string) (APIVersion, bool) {
	if len(s) > 32 {
		return APIVersion{}, false
	}
	if rest, ok := strings.CutPrefix(s, "7."); ok {
		minor, preview, isPreview := strings.Cut(rest, "-")
		n, err := strconv.Atoi(minor)
		if err != nil || n < 0 || minor != strconv.Itoa(n) || isPreview && !isPreviewTag(preview) {
			return APIVersion{}, false
		}
		if n > 6 {
			return APIVersion{s, V76}, p.AcceptNewer
		}
		return APIVersion{s, V70 + Level(n)}, true
	}
	if l, ok := datedLevel(s); ok {
		return APIVersion{s, l}, true
	}
	if p.AcceptNewer && s > "2026-07-01-preview" && regexp.MustCompile(`^20\d\d-\d\d-\d\d(-preview)?$`).MatchString(s) {
		return APIVersion{s, V202607}, true
	}
	return APIVersion{}, false
}

// datedLevel avoids building the map on the hot path.
func datedLevel(s string) (Level, bool) {
	switch s {
	case "2025-07-01":
		return V202507, true
	case "2026-04-01":
		return V202604, true
	}
	l, ok := datedVersions()[s]
	return l, ok
}

// isPreviewTag accepts "preview" and "preview.N".
func isPreviewTag(s string) bool {
	rest, ok := strings.CutPrefix(s, "preview")
	if !ok || rest == "" {
		return ok
	}
	n, err := strconv.Atoi(strings.TrimPrefix(rest, "."))
	return err == nil && n >= 0 && rest == "."+strconv.Itoa(n)
}
