// graph.cpp: capture and replay. A graph keeps what each node waits for and nothing
// else, and replays in the order of emuSetOrder as far as that allows: an edge that
// is missing shows.
#include <algorithm>

#include "driver.h"

namespace emu {
namespace {

// ancestors marks all that the given nodes wait for, themselves among them.
std::vector<bool> ancestors(const std::vector<Node>& nodes, std::vector<int> from) {
  std::vector<bool> seen(nodes.size());
  while (!from.empty()) {
    const int n = from.back();
    from.pop_back();
    if (seen[n]) continue;
    seen[n] = true;
    from.insert(from.end(), nodes[n].after.begin(), nodes[n].after.end());
  }
  return seen;
}

CUresult replay(const std::vector<Node>& nodes) {
  std::vector<bool> done(nodes.size());
  for (size_t left = nodes.size(); left > 0; left--) {
    int next = -1;
    for (size_t i = 0; i < nodes.size(); i++) {
      const bool ready = !done[i] && std::all_of(nodes[i].after.begin(), nodes[i].after.end(), [&](int n) { return done[n]; });
      if (ready && (next < 0 || order() == Order::kReverse)) next = int(i);
    }
    if (const CUresult r = nodes[next].work()) return r;
    done[next] = true;
  }
  return CUDA_SUCCESS;
}

}  // namespace
}  // namespace emu

using namespace emu;

EMU_API CUresult cuStreamBeginCapture_v2(CUstream s, CUstreamCaptureMode) {
  EMU_CALL;
  s = stream_of(c, s);
  if (s == &c->legacy) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (s->capture) return CUDA_ERROR_ILLEGAL_STATE;
  s->capture = new CUgraph_st;
  s->capture->origin = s;
  s->last.clear();
  c->capturing++;
  return CUDA_SUCCESS;
}
EMU_API CUresult cuStreamEndCapture(CUstream s, CUgraph* g) {
  EMU_CALL;
  if (!s->capture || s->capture->origin != s) return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  *g = s->capture;
  const std::vector<bool> joined = ancestors((*g)->nodes, s->last);
  const bool whole = std::all_of(joined.begin(), joined.end(), [](bool b) { return b; });
  for (CUstream x : c->streams)
    if (x->capture == *g) x->capture = nullptr;
  c->capturing--;
  if (whole) return CUDA_SUCCESS;
  delete *g;
  *g = nullptr;
  return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
}
EMU_API CUresult cuStreamIsCapturing(CUstream s, CUstreamCaptureStatus* status) {
  EMU_CALL;
  *status = stream_of(c, s)->capture ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_NONE;
  return CUDA_SUCCESS;
}
EMU_API CUresult cuGraphInstantiateWithFlags(CUgraphExec* x, CUgraph g, unsigned long long) {
  EMU_CALL;
  *x = new CUgraphExec_st{g->nodes};
  return CUDA_SUCCESS;
}
EMU_API CUresult cuGraphLaunch(CUgraphExec x, CUstream s) {
  EMU_CALL;
  if (take_fault("lost")) return c->sticky = CUDA_ERROR_DEVICE_UNAVAILABLE;
  auto nodes = std::make_shared<std::vector<Node>>(x->nodes);
  return hand_over(stream_of(c, s), kLaunches, [=] { return replay(*nodes); });
}
EMU_API CUresult cuGraphDestroy(CUgraph g) { EMU_CALL; delete g; return CUDA_SUCCESS; }
EMU_API CUresult cuGraphExecDestroy(CUgraphExec x) { EMU_CALL; delete x; return CUDA_SUCCESS; }
