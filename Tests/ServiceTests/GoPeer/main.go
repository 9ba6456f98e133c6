// A service of the kind that Tidemark replaces: net/http and encoding/json with their defaults.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
)

type sample struct {
	Timestamp int64   `json:"timestamp"`
	CPU       float64 `json:"cpu"`
	RPS       float64 `json:"rps"`
	DeviceID  string  `json:"device_id"`
}

func ingest(writer http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPost {
		http.Error(writer, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	var found sample
	if err := json.NewDecoder(request.Body).Decode(&found); err != nil {
		http.Error(writer, "bad request", http.StatusBadRequest)
		return
	}
	writer.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(writer).Encode(found)
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	mux := http.NewServeMux()
	mux.HandleFunc("/ingest", ingest)
	panic(http.Serve(listener, mux))
}
