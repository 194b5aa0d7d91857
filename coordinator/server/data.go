package server

import (
	"context"

	"g2c/api"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/state"
)

// data is apiv1.DataServiceServer.
type data struct {
	apiv1.UnimplementedDataServiceServer
	*records
	artifacts *artifacts
	limits    Limits
	spoolRoom func() (int64, error) // nil if nobody minds

	uploads *share
	spooled *share // bytes of disk that uploads under way may still take
	spools  *spools
}

// holders lists the workers that have each of some data at hand.
func holders(v *view, asked map[api.Key]bool) map[api.Key][]string {
	out := map[api.Key][]string{}
	for w := range v.Workers("") {
		for _, k := range w.Cached {
			if asked[k] {
				out[k] = append(out[k], w.ID)
			}
		}
	}
	return out
}

// StatData implements apiv1.DataServiceServer.
func (s *data) StatData(ctx context.Context, req *apiv1.StatDataRequest) (*apiv1.StatDataResponse, error) {
	if len(req.Fingerprints) > maxPage {
		return nil, rpcerr.New(rpcerr.TooLarge, "%d fingerprints at once, at most %d", len(req.Fingerprints), maxPage)
	}
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	keys, asked := make([]api.Key, len(req.Fingerprints)), map[api.Key]bool{}
	for i, text := range req.Fingerprints {
		if keys[i], err = api.ParseKey(text); err != nil {
			return nil, rpcerr.New(rpcerr.BadRequest, "fingerprint: %w", err)
		}
		asked[keys[i]] = true
	}
	at := holders(v, asked)
	resp := &apiv1.StatDataResponse{}
	for i, k := range keys {
		d := &apiv1.DataInfo{Fingerprint: req.Fingerprints[i], Workers: at[k]}
		if d.SizeBytes, d.Stored, err = s.artifacts.stored(ctx, k); err != nil {
			return nil, err
		}
		if !d.Stored {
			d.ReceivedBytes = s.spools.received(whoOf(ctx).principal, req.RequestId, k)
		}
		resp.Data = append(resp.Data, d)
	}
	return resp, nil
}

// vetData refuses works whose data no worker could open.
func (s *experiments) vetData(ctx context.Context, v *view, in *submission, done map[api.Key]bool) error {
	if in.header.SharedPaths {
		return nil
	}
	reader := map[api.Key]*api.Work{} // of each data, the first
	asked := map[api.Key]bool{}
	var keys []api.Key
	for i := range in.works {
		w := &in.works[i]
		t := v.Task(w.Key)
		if w.Where.Synthetic != nil || done[w.Key] || t != nil && t.Status == state.Done && !t.Gone {
			continue
		}
		for _, k := range readBy(&w.Task) {
			if !asked[k] {
				asked[k], reader[k] = true, w
				keys = append(keys, k)
			}
		}
	}
	at := holders(v, asked)
	for _, k := range keys {
		if len(at[k]) > 0 {
			continue
		}
		_, there, err := s.artifacts.stored(ctx, k)
		if err != nil {
			return err
		}
		if !there {
			return rpcerr.New(rpcerr.DataMissing, "%s reads data %s, which is neither in the coordinator's store nor on a worker", reader[k].Name(), k.Short()).
				WithHint("upload it first, as `g2c submit` does, or say --shared-paths if workers can open the spec's paths")
		}
	}
	return nil
}

// readBy is the fingerprints of all data that a task reads: an evaluation judges on
// the training images, too.
func readBy(t *api.Task) []api.Key {
	switch {
	case t.Pretrain != nil:
		return []api.Key{t.Pretrain.Data}
	case t.Paired != nil:
		return []api.Key{t.Paired.Data}
	case t.Finetune != nil:
		return []api.Key{t.Finetune.Data}
	case t.Evaluate != nil:
		return []api.Key{t.Evaluate.Data, t.Evaluate.Model.Data}
	case t.Stain != nil && api.Targeted(t.Stain.Method):
		return []api.Key{t.Stain.Data}
	}
	return nil
}
