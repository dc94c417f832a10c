package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// describeMachine names what the figures are of.
func describeMachine() string {
	model := valueIn("/proc/cpuinfo", "model name")
	if model == "" {
		model = runtime.GOARCH
	}
	memory := "unknown memory"
	if kib, err := strconv.Atoi(strings.TrimSuffix(valueIn("/proc/meminfo", "MemTotal"), " kB")); err == nil {
		memory = fmt.Sprintf("%.1f GiB of memory", float64(kib)/(1<<20))
	}
	load, _ := os.ReadFile("/proc/loadavg") // not everywhere
	if before, _, ok := strings.Cut(string(load), " "); ok {
		memory += ", load " + before + " before the start"
	}
	return fmt.Sprintf("%s, %d cores, %s; %s on %s/%s", model, runtime.NumCPU(), memory, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// valueIn returns what a file of lines "key: value" says first; empty without it.
func valueIn(file, key string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if k, v, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// memoryOf is what a process has resident, and had at most, in MiB; 0 where
// the system does not tell.
func memoryOf(pid int) (now, most float64) {
	status := fmt.Sprintf("/proc/%d/status", pid)
	mib := func(key string) float64 {
		kib, _ := strconv.ParseFloat(strings.TrimSuffix(valueIn(status, key), " kB"), 64)
		return kib / 1024
	}
	return mib("VmRSS"), mib("VmHWM")
}

// handlesOf is how many files a process has open; 0 where the system does not tell.
func handlesOf(pid int) int {
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(entries)
}

// sizeOf adds up the files that begin with a name.
func sizeOf(file string) (bytes int64) {
	files, _ := filepath.Glob(file + "*")
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}
