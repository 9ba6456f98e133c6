// client URL CLIENTS POSTS SECONDS, as client.py.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	clients, _ := strconv.Atoi(os.Args[2])
	posts, _ := strconv.Atoi(os.Args[3])
	period, _ := strconv.ParseFloat(os.Args[4], 64)
	var group sync.WaitGroup
	var lock sync.Mutex
	failures := []string{}
	fail := func(what string) {
		lock.Lock()
		failures = append(failures, what)
		lock.Unlock()
	}
	for number := 0; number < clients; number++ {
		group.Add(1)
		go func() {
			defer group.Done()
			client := &http.Client{Transport: &http.Transport{}}
			for post := 0; post < posts; post++ {
				answer, err := client.Post(
					os.Args[1]+"/ingest", "application/json", strings.NewReader(`{"cpu":1,"rps":2}`))
				if err != nil {
					fail(err.Error())
				} else {
					_, _ = io.Copy(io.Discard, answer.Body)
					answer.Body.Close()
					if answer.StatusCode != 202 {
						fail(answer.Status)
					}
				}
				time.Sleep(time.Duration(period * float64(time.Second)))
			}
		}()
	}
	group.Wait()
	fmt.Println(len(failures), failures)
}
