// Command gohujson reads documents with Tailscale's own parser, github.com/tailscale/hujson: one a line, in base64, from
// standard input. For each it prints "ok" and the plain JSON that it means, in base64, or "no" and what is wrong.
package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"os"

	"github.com/tailscale/hujson"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		text, err := base64.StdEncoding.DecodeString(lines.Text())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		plain, err := hujson.Standardize(text)
		if err != nil {
			fmt.Fprintf(out, "no %q\n", err)
			continue
		}
		fmt.Fprintln(out, "ok", base64.StdEncoding.EncodeToString(plain))
	}
}
