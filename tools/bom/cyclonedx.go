package main

import (
	"io"
	"os"
	"strconv"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// writeCycloneDX writes a bill of materials. It has no serial number, which would differ from run to run.
func writeCycloneDX(w io.Writer, p *program) error {
	bom := cdx.NewBOM()
	own := component(p.own, cdx.ComponentTypeApplication)
	bom.Metadata = &cdx.Metadata{Component: &own}
	if at, ok := epoch(); ok {
		bom.Metadata.Timestamp = at.Format(time.RFC3339)
	}
	var parts []cdx.Component
	var refs []string
	for _, m := range p.modules {
		c := component(m, cdx.ComponentTypeLibrary)
		parts, refs = append(parts, c), append(refs, c.BOMRef)
	}
	bom.Components = &parts
	bom.Dependencies = &[]cdx.Dependency{{Ref: own.BOMRef, Dependencies: &refs}}
	return cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6)
}

func component(m module, kind cdx.ComponentType) cdx.Component {
	ref := "pkg:golang/" + m.path
	if m.version != "" {
		ref += "@" + m.version
	}
	c := cdx.Component{
		BOMRef: ref, PackageURL: ref, Type: kind, Name: m.path, Version: m.version,
		Licenses: &cdx.Licenses{choice(m.licence)},
	}
	if m.sum != "" {
		c.Properties = &[]cdx.Property{{Name: "go:sum", Value: m.sum}}
	}
	if m.digest != "" {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: m.digest}}
	}
	if kind == cdx.ComponentTypeApplication {
		c.Name = "kirin"
	}
	return c
}

// choice is one licence by its name, or several as an expression.
func choice(l licence) cdx.LicenseChoice {
	if len(l.ids) == 1 {
		return cdx.LicenseChoice{License: &cdx.License{ID: l.ids[0]}}
	}
	return cdx.LicenseChoice{Expression: l.expression()}
}

// epoch is the time that reproducible builds agree on (reproducible-builds.org/specs/source-date-epoch).
func epoch() (time.Time, bool) {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	return time.Unix(seconds, 0).UTC(), err == nil
}
