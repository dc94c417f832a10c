package targets

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Pack makes the zip of a built plugin that is unpacked into Grafana's folder
// of plugins, with the plugin's id as its only folder, and returns its name.
func Pack(built string) (name string, err error) {
	id, version, err := pluginVersion(built)
	if err != nil {
		return "", err
	}
	name = fmt.Sprintf("%s-%s.zip", id, version)
	if err := zipFolder(built, id, name); err != nil {
		return "", fmt.Errorf("make %s: %w", name, err)
	}
	return name, nil
}

func pluginVersion(built string) (id, version string, err error) {
	var p struct {
		ID   string
		Info struct{ Version string }
	}
	file := filepath.Join(built, "plugin.json")
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return "", "", fmt.Errorf("read %s: %w", file, err)
	}
	return p.ID, p.Info.Version, nil
}

// zipFolder packs the files of a folder below another name, with their
// executable bits.
func zipFolder(folder, as, name string) (err error) {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	archive := zip.NewWriter(file)
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		within, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		return zipFile(archive, path, as+"/"+filepath.ToSlash(within))
	})
	return errors.Join(err, archive.Close())
}

func zipFile(archive *zip.Writer, path, as string) (err error) {
	content, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	info, err := content.Stat()
	if err != nil {
		return err
	}
	header, err := zip.FileInfoHeader(info)
	if err != nil {
		return err
	}
	header.Name, header.Method = as, zip.Deflate
	target, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, content)
	return err
}
