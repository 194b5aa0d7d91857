// stream.cpp: streams and events.
#include <algorithm>
#include <chrono>

#include "driver.h"

namespace emu {

double now_ms() { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

CUstream stream_of(CUcontext c, CUstream s) { return uintptr_t(s) <= 2 ? &c->legacy : s; }

// step does one piece of a stream's work. An error stays with the context.
static CUresult step(CUstream s) {
  Work w = std::move(s->queue.front());
  s->queue.pop_front();
  const CUresult r = w();
  if (r) {
    s->context->sticky = r;
    s->queue.clear();
  }
  return r;
}

CUresult drain(CUstream s) {
  while (!s->queue.empty())
    if (const CUresult r = step(s)) return r;
  return s->context->sticky;
}

CUresult drain_all(CUcontext c) {
  CUresult r = drain(&c->legacy);
  for (CUstream s : c->streams)
    if (!r) r = drain(s);
  return r;
}

// The default stream waits for others that are not apart from it, and they for it.
CUresult enqueue(CUstream s, Work w) {
  CUcontext c = s->context;
  if (s->capture) {
    s->capture->nodes.push_back({std::move(w), s->last});
    s->last = {int(s->capture->nodes.size()) - 1};
    return CUDA_SUCCESS;
  }
  if (s == &c->legacy) {
    if (c->capturing) return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    for (CUstream x : c->streams)
      if (!(x->flags & CU_STREAM_NON_BLOCKING))
        if (const CUresult r = drain(x)) return r;
  } else if (!(s->flags & CU_STREAM_NON_BLOCKING)) {
    if (const CUresult r = drain(&c->legacy)) return r;
  }
  s->queue.push_back(std::move(w));
  return CUDA_SUCCESS;
}

CUresult hand_over(CUstream s, Early what, Work w) {
  const CUresult r = enqueue(s, std::move(w));
  return r || s->capture || !is_early(what) ? r : drain(s);
}

// reach works a stream up to a recording.
static CUresult reach(const std::shared_ptr<Record>& e) {
  while (e->pending && !e->stream->queue.empty())
    if (const CUresult r = step(e->stream)) return r;
  return CUDA_SUCCESS;
}

}  // namespace emu

using namespace emu;

EMU_API CUresult cuStreamCreate(CUstream* s, unsigned flags) {
  EMU_CALL;
  *s = new CUstream_st;
  (*s)->context = c;
  (*s)->flags = flags;
  c->streams.push_back(*s);
  return CUDA_SUCCESS;
}
EMU_API CUresult cuStreamCreateWithPriority(CUstream* s, unsigned flags, int) { return cuStreamCreate(s, flags); }
EMU_API CUresult cuStreamDestroy_v2(CUstream s) {
  EMU_CALL;
  const CUresult r = drain(s);
  c->streams.erase(std::remove(c->streams.begin(), c->streams.end(), s), c->streams.end());
  delete s;
  return r;
}
EMU_API CUresult cuStreamSynchronize(CUstream s) {
  EMU_CALL;
  s = stream_of(c, s);
  return s->capture ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : drain(s);
}
EMU_API CUresult cuStreamQuery(CUstream s) {
  EMU_CALL;
  s = stream_of(c, s);
  if (s->queue.empty()) return CUDA_SUCCESS;
  const CUresult r = drain(s);
  return r ? r : CUDA_ERROR_NOT_READY;
}
EMU_API CUresult cuEventCreate(CUevent* e, unsigned) { EMU_CALL; *e = new CUevent_st; return CUDA_SUCCESS; }
EMU_API CUresult cuEventDestroy_v2(CUevent e) { EMU_CALL; delete e; return CUDA_SUCCESS; }
EMU_API CUresult cuEventRecord(CUevent e, CUstream s) {
  EMU_CALL;
  s = stream_of(c, s);
  if (s->capture) {
    e->capture = s->capture;
    e->after = s->last;
    return CUDA_SUCCESS;
  }
  auto record = std::make_shared<Record>();
  record->stream = s;
  record->pending = true;
  e->capture = nullptr;
  e->last = record;
  return enqueue(s, [=] {
    record->at = now_ms();
    record->pending = false;
    return CUDA_SUCCESS;
  });
}
EMU_API CUresult cuEventQuery(CUevent e) {
  EMU_CALL;
  if (!e->last->pending) return CUDA_SUCCESS;
  const CUresult r = reach(e->last);
  return r ? r : CUDA_ERROR_NOT_READY;
}
EMU_API CUresult cuEventSynchronize(CUevent e) {
  EMU_CALL;
  if (e->capture) return CUDA_ERROR_CAPTURED_EVENT;
  return reach(e->last);
}
EMU_API CUresult cuEventElapsedTime(float* ms, CUevent from, CUevent to) {
  EMU_CALL;
  if (from->last->pending || to->last->pending) return CUDA_ERROR_NOT_READY;
  if (from->last->at < 0 || to->last->at < 0) return CUDA_ERROR_INVALID_HANDLE;
  *ms = float(to->last->at - from->last->at);
  return CUDA_SUCCESS;
}
EMU_API CUresult cuStreamWaitEvent(CUstream s, CUevent e, unsigned) {
  EMU_CALL;
  s = stream_of(c, s);
  if (!e->capture) {
    if (take_fault("wait")) return CUDA_SUCCESS;
    return enqueue(s, [record = e->last] { return reach(record); });
  }
  if (s->capture && s->capture != e->capture) return CUDA_ERROR_STREAM_CAPTURE_MERGE;
  if (!s->capture) s->last.clear();
  s->capture = e->capture;
  for (int n : e->after)
    if (std::find(s->last.begin(), s->last.end(), n) == s->last.end()) s->last.push_back(n);
  return CUDA_SUCCESS;
}
