package server

import (
	"context"
	"encoding/base64"
	"iter"
	"strconv"

	"g2c/api/rpcerr"
)

// Sizes of pages.
const (
	defaultPage = 100
	maxPage     = 1000
)

// pageSize is how many records a caller gets at once.
func pageSize(asked uint32) int {
	if asked == 0 {
		return defaultPage
	}
	return int(min(asked, maxPage))
}

// A page token is the name of the first record of the page, so that a page is right
// whatever was added or forgotten before it. Callers are not to read it.
func pageToken(first string) string { return base64.RawURLEncoding.EncodeToString([]byte(first)) }

func pageFrom(token string) (string, error) {
	first, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(first) > 4096 {
		return "", rpcerr.New(rpcerr.BadRequest, "page token %.40q is none of ours", token).WithHint("begin again without one")
	}
	return string(first), nil
}

// pageBegins is where a page of a listing by name begins, and the state that it is of.
func (s *records) pageBegins(ctx context.Context, token string) (v *view, from string, err error) {
	if from, err = pageFrom(token); err != nil {
		return nil, "", err
	}
	v, err = s.read(ctx)
	return v, from, err
}

// pageOf is a page of a listing that begins where the page does, and the token of the next
// one; empty if there is none.
func pageOf[R, M any](list iter.Seq[R], asked uint32, name func(R) string, message func(R) M) (page []M, next string) {
	for r := range list {
		if len(page) == pageSize(asked) {
			return page, pageToken(name(r))
		}
		page = append(page, message(r))
	}
	return page, ""
}

func pageFromNumber(token string) (uint64, error) {
	first, err := pageFrom(token)
	if err != nil || first == "" {
		return 0, err
	}
	n, err := strconv.ParseUint(first, 10, 64)
	if err != nil {
		return 0, rpcerr.New(rpcerr.BadRequest, "page token %.40q is none of ours", token).WithHint("begin again without one")
	}
	return n, nil
}

func pageTokenOfNumber(n uint64) string { return pageToken(strconv.FormatUint(n, 10)) }
