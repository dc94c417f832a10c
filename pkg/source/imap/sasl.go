package imap

import (
	"encoding/json"

	"github.com/emersion/go-sasl"
)

// xoauth2 is the client of XOAUTH2: one message with the user and the token.
// A refusal comes as a challenge, a JSON object with a status, which must be
// answered with nothing before the server says NO.
type xoauth2 struct {
	username, token string
	refusal         *string
}

func (a *xoauth2) Start() (mechanism string, initial []byte, err error) {
	return "XOAUTH2", []byte("user=" + a.username + "\x01auth=Bearer " + a.token + "\x01\x01"), nil
}

func (a *xoauth2) Next(challenge []byte) ([]byte, error) {
	*a.refusal = refusalStatus(challenge)
	return []byte{}, nil
}

// oauthBearer is go-sasl's client of OAUTHBEARER, but it answers a refusal as
// RFC 7628 section 3.2.3 wants it, so that the server ends the exchange.
type oauthBearer struct {
	sasl.Client
	refusal *string
}

func (a *oauthBearer) Next(challenge []byte) ([]byte, error) {
	*a.refusal = refusalStatus(challenge)
	return []byte{1}, nil
}

// refusalStatus takes the status from a refusal, such as "400" or
// "invalid_token".
func refusalStatus(challenge []byte) string {
	var said struct {
		Status any `json:"status"`
	}
	if err := json.Unmarshal(challenge, &said); err != nil {
		return "unknown"
	}
	switch status := said.Status.(type) {
	case string:
		return status
	case float64:
		text, err := json.Marshal(status)
		if err == nil {
			return string(text)
		}
	}
	return "unknown"
}
