package loopback

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// TokenServer hands out OAuth 2.0 access tokens (RFC 6749: client credentials
// and refresh tokens) and says whom they are for (RFC 7662), which
// [DovecotOptions].Introspection asks.
type TokenServer struct {
	// TokenURL and IntrospectionURL are the two endpoints.
	TokenURL, IntrospectionURL string

	options TokenServerOptions
	server  *http.Server
	mu      sync.Mutex
	issued  map[string]bool
}

// TokenServerOptions say whom a TokenServer knows.
type TokenServerOptions struct {
	ClientID, ClientSecret, RefreshToken string
	// Username is whom every token is for.
	Username string
}

// StartTokenServer starts a TokenServer on a free port of 127.0.0.1.
func StartTokenServer(o TokenServerOptions) (*TokenServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start token server: %w", err)
	}
	base := "http://" + listener.Addr().String()
	s := &TokenServer{
		TokenURL:         base + "/token",
		IntrospectionURL: base + "/introspect",
		options:          o,
		issued:           make(map[string]bool),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("/introspect", s.introspect)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(listener) }() // ends by Close
	return s, nil
}

// Tokens returns how many tokens were handed out.
func (s *TokenServer) Tokens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.issued)
}

// Revoke makes every token worthless that was handed out until now.
func (s *TokenServer) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token := range s.issued {
		s.issued[token] = false
	}
}

// Close ends the server.
func (s *TokenServer) Close() error { return s.server.Close() }

func (s *TokenServer) token(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	if id != s.options.ClientID || secret != s.options.ClientSecret {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	switch r.FormValue("grant_type") {
	case "client_credentials":
	case "refresh_token":
		if r.FormValue("refresh_token") != s.options.RefreshToken {
			answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
			return
		}
	default:
		answer(w, http.StatusBadRequest, map[string]any{"error": "unsupported_grant_type"})
		return
	}
	s.mu.Lock()
	token := "loopback-token-" + strconv.Itoa(len(s.issued)+1)
	s.issued[token] = true
	s.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
}

func (s *TokenServer) introspect(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	active := s.issued[r.FormValue("token")]
	s.mu.Unlock()
	if !active {
		answer(w, http.StatusOK, map[string]any{"active": false})
		return
	}
	answer(w, http.StatusOK, map[string]any{"active": true, "username": s.options.Username})
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that left needs no answer
}
