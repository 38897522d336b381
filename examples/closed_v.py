"""A closed V: equivariance without a border.

A motion of the input moves every slot to another one. On a torus of S pixels, V can
have all S² shifts: it is closed, and every slot has a source. Of a smaller square, the
slots at the border have none, so that the prediction does not move exactly along; the
one slot of V = {0} has none under any motion. The numbers are relative errors of the
prediction under three motions, in double precision.
"""

import torch

import fernn

SIZE, SEEN, AHEAD = 5, 4, 3


def error(model, flow, video, nu):
    """How far the forecast of the moved video is from the moved forecast."""
    moving = [flow.act(frame, nu, time) for time, frame in enumerate(video.unbind(1))]
    found = model(torch.stack(moving, 1), AHEAD)
    still = model(video, AHEAD).unbind(1)
    true = [flow.act(frame, nu, SEEN + ahead) for ahead, frame in enumerate(still)]
    return ((found - torch.stack(true, 1)).norm() / found.norm()).item()


torch.manual_seed(0)
video = torch.rand(1, SEEN, 1, SIZE, SIZE, dtype=torch.float64)
flows = {
    "V = {0}": fernn.Translation([(0, 0)], SIZE),
    "V1, speeds up to 1": fernn.Translation(fernn.square(1), SIZE),
    "closed, all 25 shifts": fernn.flows.translation.build(SIZE, closed=True),
}
for name, flow in flows.items():
    model = fernn.Forecaster(fernn.FusedCell(flow, hidden=4), 1).double()
    with torch.no_grad():
        errors = [error(model, flow, video, nu) for nu in ((0, 1), (1, 1), (2, -1))]
    print(f"{name:22}", *(f"{each:8.1e}" for each in errors))
