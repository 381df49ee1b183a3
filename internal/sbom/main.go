// Sbom writes a CycloneDX bill of materials (1.6, JSON) of built files to standard output: of programs in Go the modules that the
// linker recorded in them, of everything the SHA-256 of the file. The same files give the same bytes: the serial number comes from
// the hashes, the time from -time.
//
//	go run ./internal/sbom -version v1.2.3 -time 2026-01-02T03:04:05Z FILE... >latchkey.cdx.json
//
// The library and its loader, in C, have no parts but their own sources and, on Linux, the system's C library, which is not shipped. Licences are not
// listed: they are in the modules' own files.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "sbom: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("sbom", flag.ContinueOnError)
	version := flags.String("version", "", "of what was built")
	at := flags.String("time", "", "of the sources, RFC 3339")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *version == "" || *at == "" || flags.NArg() == 0 {
		return errors.New("call it as: sbom -version V -time T FILE, with any number of files")
	}
	files := slices.Clone(flags.Args())
	slices.SortFunc(files, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	b, err := bill(*version, *at, files)
	if err != nil {
		return err
	}
	enc := cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON)
	return enc.SetPretty(true).SetEscapeHTML(false).EncodeVersion(b, cdx.SpecVersion1_6)
}

// bill is what files are made of.
func bill(version, at string, files []string) (*cdx.BOM, error) {
	const product = "pkg:generic/latchkey"
	b := cdx.NewBOM()
	b.Metadata = &cdx.Metadata{
		Timestamp: at,
		Component: &cdx.Component{BOMRef: product, Type: cdx.ComponentTypeApplication, Name: "latchkey", Version: version},
	}
	seen := make(map[string]bool)
	var components []cdx.Component
	var depends []cdx.Dependency
	all := sha256.New()
	var refs []string
	for _, file := range files {
		c, modules, err := describe(version, file)
		if err != nil {
			return nil, err
		}
		fmt.Fprintln(all, c.Name, (*c.Hashes)[0].Value)
		components = append(components, c)
		refs = append(refs, c.BOMRef)
		var uses []string
		for _, m := range modules {
			uses = append(uses, m.BOMRef)
			if !seen[m.BOMRef] {
				seen[m.BOMRef] = true
				components = append(components, m)
			}
		}
		depends = append(depends, cdx.Dependency{Ref: c.BOMRef, Dependencies: &uses})
	}
	depends = append(depends, cdx.Dependency{Ref: product, Dependencies: &refs})
	b.Components, b.Dependencies = &components, &depends
	b.SerialNumber = "urn:uuid:" + uuid.NewSHA1(uuid.NameSpaceURL, all.Sum(nil)).String()
	return b, nil
}

// describe is a file and the modules in it.
func describe(version, file string) (cdx.Component, []cdx.Component, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return cdx.Component{}, nil, err
	}
	sum := sha256.Sum256(content)
	name := filepath.Base(file)
	c := cdx.Component{
		BOMRef: "file:" + name, Type: cdx.ComponentTypeFile, Name: name, Version: version,
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		if strings.HasSuffix(name, ".so") || strings.HasSuffix(name, ".dll") || name == "latchkey-ekm-loader" {
			return c, nil, nil // C
		}
		return c, nil, fmt.Errorf("%q tells no modules: %w", file, err)
	}
	goVersion := strings.TrimPrefix(info.GoVersion, "go")
	modules := []cdx.Component{module("std", goVersion, "")}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		modules = append(modules, module(d.Path, d.Version, d.Sum))
	}
	return c, modules, nil
}

// module is one Go module. Its sum is that of go.sum, which is no hash of a file and so a property.
func module(path, version, sum string) cdx.Component {
	purl := "pkg:golang/" + path + "@" + version
	c := cdx.Component{BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: purl}
	if sum != "" {
		c.Properties = &[]cdx.Property{{Name: "go:sum", Value: sum}}
	}
	return c
}
