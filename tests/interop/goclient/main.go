// Command goclient tries a DERP relay with Tailscale's own client, tailscale.com/derp/derphttp, and prints a line that
// begins with PASS for each thing that works. It ends with code 1 at the first that does not.
//
//	goclient -map http://127.0.0.1:9912/derpmap.json [-mesh-key HEX]
//
// Built with -tags ts_debug_websockets and run with TS_DEBUG_DERP_WS_CLIENT=1 it does the same inside WebSocket, without
// what that way in does not have.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"tailscale.com/derp"
	"tailscale.com/derp/derpconst"
	"tailscale.com/derp/derphttp"
	"tailscale.com/disco"
	"tailscale.com/net/netmon"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
	"tailscale.com/types/logger"
)

const (
	limit    = 20 * time.Second // for anything that is waited for
	packets  = 1000             // each way
	inFlight = 24               // the reference holds 32 for a client and drops more
)

// sizes of packets, in bytes: none, the smallest, those of real traffic, around a client's buffer, and the largest.
var sizes = []int{
	0, 1, 31, 32, 33, 148, 1200, 1280, 1420, 4053, 4054, 4055, 4096, 9000, 32767, 32768, 32769, 65535, derp.MaxPacketSize,
}

var (
	mapURL  = flag.String("map", "http://127.0.0.1:9912/derpmap.json", "URL of the DERP map; its only region is used")
	meshHex = flag.String("mesh-key", "", "the relay's mesh key, 64 hexadecimal digits; without it the mesh is left out")
	overWS  = os.Getenv("TS_DEBUG_DERP_WS_CLIENT") != ""
)

// world is what all checks share: the relay, and two clients that stay.
type world struct {
	region *tailcfg.DERPRegion
	mesh   key.DERPMesh
	a, b   *client
}

func main() {
	flag.Parse()
	w, err := newWorld()
	if err != nil {
		fmt.Println("FAIL map:", err)
		os.Exit(1)
	}
	checks := []struct {
		name  string
		needs bool
		run   func() error
	}{
		{"login", true, w.login},
		{"login over TLS 1.2, without fast start", !overWS, w.loginTLS12},
		{"wrong pin refused", !overWS, w.wrongPin},
		{"home", true, w.notePreferred},
		{fmt.Sprintf("%d packets each way, 0 to %d bytes", packets, derp.MaxPacketSize), true, w.packets},
		{"packet to oneself", true, w.toSelf},
		{"ping", true, w.ping},
		{"peer gone: disconnected", true, w.peerGone},
		{"peer gone: not here", true, w.notHere},
		{"duplicate key", true, w.duplicate},
		{"mesh commands refused without the mesh key", true, w.noMeshKey},
		{"mesh: presence", !w.mesh.IsZero() && !overWS, w.presence},
		{"mesh: forwarded packet", !w.mesh.IsZero(), w.forward},
		{"mesh: close peer", !w.mesh.IsZero(), w.closePeer},
	}
	for _, check := range checks {
		if !check.needs {
			continue
		}
		if err := check.run(); err != nil {
			fmt.Printf("FAIL %s: %v\n", check.name, err)
			os.Exit(1)
		}
		fmt.Println("PASS", check.name)
	}
}

func newWorld() (*world, error) {
	w := &world{}
	if *meshHex != "" {
		mesh, err := key.ParseDERPMesh(*meshHex)
		if err != nil {
			return nil, err
		}
		w.mesh = mesh
	}
	response, err := http.Get(*mapURL)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var derpMap tailcfg.DERPMap
	if err := json.NewDecoder(response.Body).Decode(&derpMap); err != nil {
		return nil, err
	}
	for _, region := range derpMap.Regions {
		w.region = region
	}
	if len(derpMap.Regions) != 1 {
		return nil, fmt.Errorf("want one region, found %d", len(derpMap.Regions))
	}
	return w, nil
}

// client is a logged-in connection and what came in on it.
type client struct {
	*derphttp.Client
	public   key.NodePublic
	received chan derp.ReceivedMessage // closed when the connection is over
}

type option func(*derphttp.Client)

func withMesh(mesh key.DERPMesh, watch bool) option {
	return func(c *derphttp.Client) { c.MeshKey, c.WatchConnectionChanges = mesh, watch }
}

// connect logs a client in and waits for ServerInfo, so that the relay knows it when this returns.
func (w *world) connect(private key.NodePrivate, options ...option) (*client, error) {
	inner := derphttp.NewRegionClient(private, logger.Discard, netmon.NewStatic(), func() *tailcfg.DERPRegion {
		return w.region
	})
	for _, set := range options {
		set(inner)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := inner.Connect(ctx); err != nil {
		inner.Close()
		return nil, err
	}
	c := &client{inner, private.Public(), make(chan derp.ReceivedMessage, 4096)}
	go c.receive()
	if _, err := expect(c, func(derp.ServerInfoMessage) bool { return true }); err != nil {
		inner.Close()
		return nil, err
	}
	return c, nil
}

func (c *client) receive() {
	defer close(c.received)
	for {
		message, err := c.Recv()
		if err != nil {
			c.Close() // otherwise the next call would connect again
			return
		}
		if packet, ok := message.(derp.ReceivedPacket); ok {
			packet.Data = bytes.Clone(packet.Data)
			message = packet
		}
		c.received <- message
	}
}

var errClosed = errors.New("the connection is closed")

// expect waits for a message of type T that fits, and passes over others.
func expect[T derp.ReceivedMessage](c *client, fits func(T) bool) (T, error) {
	timeout := time.After(limit)
	var none T
	for {
		select {
		case message, open := <-c.received:
			if !open {
				return none, errClosed
			}
			if found, ok := message.(T); ok && fits(found) {
				return found, nil
			}
		case <-timeout:
			return none, fmt.Errorf("no fitting %T within %v", none, limit)
		}
	}
}

func expectPacket(c *client, source key.NodePublic, data string) error {
	_, err := expect(c, func(p derp.ReceivedPacket) bool { return p.Source == source && string(p.Data) == data })
	return err
}

func expectClosed(c *client) error {
	if _, err := expect(c, func(derp.HealthMessage) bool { return false }); err != errClosed {
		return fmt.Errorf("want a closed connection, found: %v", err)
	}
	return nil
}

func (w *world) login() (err error) {
	if w.a, err = w.connect(key.NewNode()); err != nil {
		return err
	}
	if w.b, err = w.connect(key.NewNode()); err != nil {
		return err
	}
	server := w.a.ServerPublicKey()
	if server.IsZero() || server != w.b.ServerPublicKey() {
		return fmt.Errorf("the relay's key: found %v and %v", server, w.b.ServerPublicKey())
	}
	if overWS {
		return nil
	}
	state, _ := w.a.TLSConnectionState()
	last := state.PeerCertificates[len(state.PeerCertificates)-1]
	if want := derpconst.MetaCertCommonNamePrefix + server.UntypedHexString(); last.Subject.CommonName != want {
		return fmt.Errorf("no fast start: want %s in the certificate, found %s", want, last.Subject.CommonName)
	}
	return nil
}

func (w *world) loginTLS12() error {
	c, err := w.connect(key.NewNode(), func(c *derphttp.Client) {
		c.TLSConfig = &tls.Config{MaxVersion: tls.VersionTLS12}
	})
	if err != nil {
		return err
	}
	defer c.Close()
	if state, _ := c.TLSConnectionState(); state == nil || state.Version != tls.VersionTLS12 {
		return fmt.Errorf("want TLS 1.2, found %+v", state)
	}
	if c.ServerPublicKey() != w.a.ServerPublicKey() {
		return fmt.Errorf("another relay's key: %v", c.ServerPublicKey())
	}
	return nil
}

func (w *world) wrongPin() error {
	other := *w
	other.region = w.region.Clone()
	other.region.Nodes[0].CertName = "sha256-raw:" + strings.Repeat("0", 64)
	c, err := other.connect(key.NewNode())
	if err == nil {
		c.Close()
		return errors.New("a wrong pin was accepted")
	}
	if !strings.Contains(err.Error(), "cert hash does not match") {
		return err
	}
	return nil
}

// notePreferred cannot be seen from here; that the connection goes on is what counts.
func (w *world) notePreferred() error {
	for _, home := range []bool{true, false, true} {
		w.a.NotePreferred(home)
	}
	return w.ping()
}

func (w *world) ping() error {
	for range 100 {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		err := w.a.Ping(ctx)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// content of packet number n in one direction.
func content(n int, seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, uint64(n)))
	data := make([]byte, sizes[n%len(sizes)])
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

func (w *world) packets() error {
	var group sync.WaitGroup
	failures := make(chan error, 2)
	for seed, pair := range [][2]*client{{w.a, w.b}, {w.b, w.a}} {
		group.Go(func() { failures <- stream(pair[0], pair[1], uint64(seed)) })
	}
	group.Wait()
	return errors.Join(<-failures, <-failures)
}

// stream sends packets from one client to another and compares each one.
func stream(from, to *client, seed uint64) error {
	places := make(chan struct{}, inFlight)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for n := range packets {
			select {
			case places <- struct{}{}:
			case <-stop:
				return
			}
			if err := from.Send(to.public, content(n, seed)); err != nil {
				from.Close() // the receiver's time limit tells
				return
			}
		}
	}()
	for n := range packets {
		packet, err := expect(to, func(p derp.ReceivedPacket) bool { return p.Source == from.public })
		if err != nil {
			return fmt.Errorf("packet %d: %w", n, err)
		}
		if want := content(n, seed); !bytes.Equal(packet.Data, want) {
			return fmt.Errorf("packet %d of %d bytes arrived with %d bytes, changed", n, len(want), len(packet.Data))
		}
		<-places
	}
	return nil
}

func (w *world) toSelf() error {
	if err := w.a.Send(w.a.public, []byte("me")); err != nil {
		return err
	}
	return expectPacket(w.a, w.a.public, "me")
}

func (w *world) peerGone() error {
	c, err := w.connect(key.NewNode())
	if err != nil {
		return err
	}
	if err := c.Send(w.a.public, []byte("I leave")); err != nil {
		return err
	}
	if err := expectPacket(w.a, c.public, "I leave"); err != nil {
		return err
	}
	c.Close()
	_, err = expect(w.a, func(gone derp.PeerGoneMessage) bool {
		return gone.Peer == c.public && gone.Reason == derp.PeerGoneReasonDisconnected
	})
	return err
}

func (w *world) notHere() error {
	nobody := key.NewNode().Public()
	packet := append([]byte(disco.Magic), make([]byte, 32+disco.NonceLen)...)
	if err := w.a.Send(nobody, packet); err != nil {
		return err
	}
	_, err := expect(w.a, func(gone derp.PeerGoneMessage) bool {
		return gone.Peer == nobody && gone.Reason == derp.PeerGoneReasonNotHere
	})
	return err
}

func (w *world) duplicate() error {
	private := key.NewNode()
	first, err := w.connect(private)
	if err != nil {
		return err
	}
	defer first.Close()
	second, err := w.connect(private)
	if err != nil {
		return err
	}
	defer second.Close()
	steps := []struct {
		writer, active *client
		text           string
	}{
		{nil, second, "a new connection is active"},
		{first, first, "the last writer is active"},
		{second, second, "and again"},
	}
	for _, step := range steps {
		if step.writer != nil { // what it writes has been read by the relay when its ping is answered
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			err := step.writer.Ping(ctx)
			cancel()
			if err != nil {
				return err
			}
		}
		if err := w.b.Send(first.public, []byte(step.text)); err != nil {
			return err
		}
		if err := expectPacket(step.active, w.b.public, step.text); err != nil {
			return fmt.Errorf("%s: %w", step.text, err)
		}
	}
	second.Close()
	// When exactly the relay has noticed is not ours to know: send until one comes through.
	return w.sendUntilReceived(first, "the other takes over")
}

func (w *world) sendUntilReceived(to *client, text string) error {
	timeout := time.After(limit)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case message, open := <-to.received:
			if !open {
				return errClosed
			}
			if packet, ok := message.(derp.ReceivedPacket); ok && string(packet.Data) == text {
				return nil
			}
		case <-again.C:
			if err := w.b.Send(to.public, []byte(text)); err != nil {
				return err
			}
		case <-timeout:
			return fmt.Errorf("%s: nothing received", text)
		}
	}
}

func (w *world) noMeshKey() error {
	commands := map[string]func(*client) error{
		"close peer":     func(c *client) error { return c.ClosePeer(w.b.public) },
		"forward packet": func(c *client) error { return c.ForwardPacket(w.a.public, w.b.public, []byte("forged")) },
	}
	for name, command := range commands {
		c, err := w.connect(key.NewNode())
		if err != nil {
			return err
		}
		if err := command(c); err != nil {
			return err
		}
		if err := expectClosed(c); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return w.toSelf()
}

func (w *world) presence() error {
	watcher, err := w.connect(key.NewNode(), withMesh(w.mesh, true))
	if err != nil {
		return err
	}
	defer watcher.Close()
	missing := map[key.NodePublic]derp.PeerPresentFlags{
		w.a.public:     derp.PeerPresentIsRegular,
		w.b.public:     derp.PeerPresentIsRegular,
		watcher.public: derp.PeerPresentIsMeshPeer,
	}
	for len(missing) > 0 {
		present, err := expect(watcher, func(p derp.PeerPresentMessage) bool {
			flags, wanted := missing[p.Key]
			return wanted && flags == p.Flags
		})
		if err != nil {
			return fmt.Errorf("%d of 3 keys did not come with their flags: %w", len(missing), err)
		}
		delete(missing, present.Key)
	}
	comer, err := w.connect(key.NewNode(), func(c *derphttp.Client) { c.IsProber = true })
	if err != nil {
		return err
	}
	local, err := comer.LocalAddr()
	if err != nil {
		return err
	}
	present, err := expect(watcher, func(p derp.PeerPresentMessage) bool { return p.Key == comer.public })
	if err != nil {
		return err
	}
	if want := netip.AddrPortFrom(local.Addr().Unmap(), local.Port()); present.IPPort != want {
		return fmt.Errorf("want address %v, found %v", want, present.IPPort)
	}
	if present.Flags != derp.PeerPresentIsProber {
		return fmt.Errorf("want a prober's flag, found %v", present.Flags)
	}
	comer.Close()
	_, err = expect(watcher, func(gone derp.PeerGoneMessage) bool { return gone.Peer == comer.public })
	return err
}

func (w *world) forward() error {
	peer, err := w.connect(key.NewNode(), withMesh(w.mesh, false))
	if err != nil {
		return err
	}
	defer peer.Close()
	elsewhere := key.NewNode().Public()
	if err := peer.ForwardPacket(elsewhere, w.b.public, []byte("from another relay")); err != nil {
		return err
	}
	return expectPacket(w.b, elsewhere, "from another relay")
}

func (w *world) closePeer() error {
	peer, err := w.connect(key.NewNode(), withMesh(w.mesh, false))
	if err != nil {
		return err
	}
	defer peer.Close()
	victim, err := w.connect(key.NewNode())
	if err != nil {
		return err
	}
	if err := peer.ClosePeer(victim.public); err != nil {
		return err
	}
	return expectClosed(victim)
}
