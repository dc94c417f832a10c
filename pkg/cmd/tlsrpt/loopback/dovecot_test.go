package loopback

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestDovecotServesWhatIsAppendedAndComesBackAfterAKill(t *testing.T) {
	d, err := StartDovecot(context.Background(), DovecotOptions{})
	if errors.Is(err, ErrNotInstalled) {
		t.Skip("dovecot is not installed: apt-get install dovecot-imapd")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	for range 3 {
		if err := d.Append("u", "Reports", time.Now(), []byte("Subject: x\n\nbody\n")); err != nil {
			t.Fatal(err)
		}
	}
	d.Kill()
	if err := d.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(d.Log(), "Error") {
		t.Error(d.Log())
	}
}
