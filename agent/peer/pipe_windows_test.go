package peer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"latchkey/agent/peer"
)

// wineOwner is whom Wine gives as the owner of a pipe: the group of all users, instead of who made it.
const wineOwner peer.Account = "S-1-5-21-0-0-0-513"

// pipe listens and gives what connects to serve. The first client of a new listener hangs in Wine, so one comes and goes.
func pipe(t *testing.T, name string, serve func(*peer.Conn)) *peer.Listener {
	t.Helper()
	l, err := peer.Listen(t.Context(), peer.Config{
		Address: peer.Address{Kind: peer.Pipe, Name: fmt.Sprintf("latchkey-test-%d-%s", os.Getpid(), name)}, Gate: peer.NewGate(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Next()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	dial(t, l).Close()
	return l
}

func dial(t *testing.T, l *peer.Listener) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := peer.Dial(ctx, peer.DialConfig{Address: l.Address, Owners: []peer.Account{wineOwner}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestPipeCarriesBytesAndTellsTheCaller(t *testing.T) {
	got := make(chan peer.Identity, 8)
	l := pipe(t, "bytes", func(c *peer.Conn) {
		b := make([]byte, 14)
		if _, err := io.ReadFull(c, b); err == nil {
			got <- c.Peer
			_, _ = c.Write(b)
		}
	})
	for range 3 {
		c := dial(t, l)
		if _, err := c.Write([]byte("there and back")); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 14)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "there and back" {
			t.Fatalf("%q, %v", b, err)
		}
		if p := <-got; !p.Allowed || p.PID != os.Getpid() || !strings.Contains(p.Account, fmt.Sprint(os.Getpid())) {
			t.Errorf("the caller is %+v, want this process %d", p, os.Getpid())
		}
	}
}

func TestPipeIsTheFirstOfItsName(t *testing.T) {
	l := pipe(t, "first", func(*peer.Conn) {})
	second, err := peer.Listen(t.Context(), peer.Config{Address: l.Address, Gate: peer.NewGate()})
	if second != nil {
		second.Close()
	}
	// Wine gives a second first instance to whoever asks.
	inWine := windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
	if !errors.Is(err, peer.ErrTaken) && !inWine {
		t.Errorf("a second listener: %v, want ErrTaken", err)
	}
	_ = l.Close()
	third, err := peer.Listen(t.Context(), peer.Config{Address: l.Address, Gate: peer.NewGate()})
	if err != nil {
		t.Fatalf("after the first was closed: %v", err)
	}
	third.Close()
}

func TestPipeOfAnotherOwnerIsForeign(t *testing.T) {
	l := pipe(t, "owner", func(*peer.Conn) {})
	dial(t, l).Close()
	c, err := peer.Dial(t.Context(), peer.DialConfig{Address: l.Address})
	if err == nil {
		c.Close()
		t.Skip("this system gives a pipe its maker as the owner") // not Wine: then it is not foreign
	}
	if !errors.Is(err, peer.ErrForeign) || !strings.Contains(err.Error(), string(wineOwner)) {
		t.Errorf("Dial: %v, want ErrForeign", err)
	}
}

func TestPipeThatIsNotThere(t *testing.T) {
	_, err := peer.Dial(t.Context(), peer.DialConfig{Address: peer.Address{Kind: peer.Pipe, Name: "latchkey-test-none"}})
	if !errors.Is(err, peer.ErrNone) {
		t.Errorf("Dial: %v, want ErrNone", err)
	}
}
