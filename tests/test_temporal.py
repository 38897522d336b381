"""What each temporal cell computes, on frames of one pixel, and its limits."""

import pytest
import torch

from fernn import flows
from fernn.models import temporal
from fernn.models.temporal import delta, miras

EXACT = 1e-12  # in double precision
TIMES = 7


def build(kind, inputs=3, hidden=3, **options):
    torch.manual_seed(0)
    flow = flows.build({"kind": "translation", "max_speed": 0}, 1)
    space = temporal.Space(flow)
    return temporal.layer({"kind": kind, **options}, space, inputs, hidden).double()


def series(times=TIMES, channels=3, sample=2):
    torch.manual_seed(times)
    return torch.randn(sample, times, channels, 1, 1, dtype=torch.float64)


def vector(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def drives(layer, signal):
    """Of each time, sample × outputs; a pixel is its own neighbour on this torus."""
    return temporal.per_frame(layer, signal)[..., 0, 0].unbind(1)


@torch.no_grad()
@pytest.mark.law("models/temporal/gru", "models/temporal/lstm")
def test_gru_and_lstm_are_their_equations():
    signal = series()
    gru, lstm = build("gru"), build("lstm")
    h, (z0, r0, c0) = 0, gru.own[..., 0, 0]
    for drive, output in zip(
        drives(gru.drive, signal), gru(signal, None)[0][0], strict=True
    ):
        z, r, c = drive[0].chunk(3)
        z, r = (z + z0 * h).sigmoid(), (r + r0 * h).sigmoid()
        h = (1 - z) * h + z * (c + c0 * r * h).tanh()
        assert (output[:, 0, 0] - h).abs().max() < EXACT
    h, c, (f0, g0, o0), (pf, po) = 0, 0, lstm.own[..., 0, 0], lstm.peep[..., 0, 0]
    for drive, output in zip(
        drives(lstm.drive, signal), lstm(signal, None)[0][0], strict=True
    ):
        f, g, o = drive[0].chunk(3)
        f, g = (f + f0 * h + pf * c).sigmoid(), (g + g0 * h).tanh()
        c = f * c + (1 - f) * g
        h = (o + o0 * h + po * c).sigmoid() * c.tanh()  # it sees the new memory
        assert (output[:, 0, 0] - h).abs().max() < EXACT


@torch.no_grad()
@pytest.mark.law("models/temporal/conv_gru", "models/temporal/conv_lstm")
def test_convolutional_gates_are_those_of_torch_on_one_pixel():
    """Torch's LSTM has gates in the order i, f, g, o."""
    cell, signal = build("conv_lstm"), series()
    own = torch.nn.LSTM(3, 3, batch_first=True).double()
    order = torch.tensor([0, 1, 3, 2])

    def flat(weight):
        return weight.sum((-2, -1)).unflatten(0, (4, 3))[order].flatten(0, 1)

    own.weight_ih_l0.copy_(flat(cell.drive.weight))
    own.weight_hh_l0.copy_(flat(cell.gates.weight.weight))
    own.bias_ih_l0.copy_(cell.drive.bias.unflatten(0, (4, 3))[order].flatten())
    own.bias_hh_l0.zero_()
    expected, _ = own(signal[..., 0, 0])
    assert (cell(signal, None)[0][..., 0, 0] - expected).abs().max() < EXACT


@pytest.mark.parametrize(
    ("kind", "option", "other"),
    [
        ("s5", "scan", "tree"),
        ("mamba", "scan", "tree"),
        ("ssd", "scan", "tree"),
        ("gru", "solver", "newton"),
        ("lstm", "solver", "newton"),
    ],
)
@torch.no_grad()
@pytest.mark.law("models/temporal/mamba")
def test_other_forms_of_the_recurrence_are_the_loop(kind, option, other):
    loop, cell = build(kind, **{option: "loop"}), build(kind, **{option: other})
    before = loop(series(3), None)[1]
    for state in (None, before):
        difference = loop(series(), state)[0] - cell(series(), state)[0]
        assert difference.abs().max() < EXACT


@torch.no_grad()
@pytest.mark.law("models/temporal/s5")
def test_s5_is_a_convolution_in_time_that_fades():
    """The state after an impulse is the drive times a power of the factor."""
    cell = build("s5", states=4)
    states, state = [], None
    for time in range(5):
        signal = series(1) if time == 0 else torch.zeros(2, 1, 3, 1, 1).double()
        _, state = cell(signal, state)
        states.append(state)
    # the norm of a zero frame is its bias, which is zero at first
    rate = torch.complex(-cell.log_decay.exp(), cell.frequency)
    factor = (rate * cell.log_step.exp()).exp()
    assert factor.abs().max() < 1
    for time in range(5):
        assert (states[time] - factor**time * states[0]).abs().max() < EXACT


@torch.no_grad()
@pytest.mark.law("models/temporal/aaren")
def test_aaren_is_a_softmax_over_the_past_and_blind_to_order_without_decay():
    signal = series()
    permuted = torch.cat(
        [signal[:, torch.tensor([3, 0, 5, 1, 4, 2])], signal[:, 6:]], 1
    )
    for decay in (True, False):
        cell = build("aaren", heads=1, width=3, decay=decay)
        mixed, _ = cell.mix(signal, None)
        score = torch.stack(drives(cell.score, signal), 1)
        value = torch.stack(drives(cell.value, signal), 1)
        age = torch.arange(TIMES - 1, -1, -1).double()[:, None]
        rate = torch.nn.functional.softplus(cell.rate.squeeze()) if decay else 0
        expected = ((score - rate * age).softmax(1) * value).sum(1)
        assert (mixed[:, -1, :, 0, 0] - expected).abs().max() < EXACT
        change = (cell.mix(permuted, None)[0] - mixed)[:, -1].abs().max()
        assert (change > 1e-3) if decay else (change < EXACT)
        cell.score.weight *= 1e4  # the largest exponent is subtracted
        assert score.abs().max() * 1e4 > 800  # and double precision has none of 800
        sharp = ((1e4 * score - rate * age).softmax(1) * value).sum(1)
        mixed, _ = cell.mix(signal, None)
        assert (mixed[:, -1, :, 0, 0] - sharp).abs().max() < EXACT


@torch.no_grad()
@pytest.mark.law("models/temporal/attention")
def test_attention_by_hand():
    """A head of width 1: weights are a softmax of q·k, of which 2⁻⁸ a frame is lost."""
    cell, signal = build("attention", heads=1, width=1), series(3)
    q, k, v = torch.stack(drives(cell.project, signal), 1).unbind(2)
    scores = q[:, 2:] * k - 2.0**-8 * torch.tensor([2, 1, 0])
    expected = (scores.softmax(1) * v).sum(1)
    assert (cell.mix(signal, None)[0][:, 2, 0, 0, 0] - expected).abs().max() < EXACT


@torch.no_grad()
@pytest.mark.law("models/temporal/ssd")
def test_ssd_without_decay_is_attention_without_a_softmax():
    """And with its decay, or with the softmax of attention, it is not."""
    cell, attention, signal = build("ssd"), build("attention"), series()
    attention.load_state_dict(cell.state_dict(), strict=False)
    decaying = cell.mix(signal, None)[0]
    cell.step.weight.zero_()
    cell.step.bias.fill_(torch.tensor(1.0).double().expm1().log())  # steps of 1
    cell.log_decay.fill_(-torch.inf)
    q, k, v = (
        torch.stack(drives(cell.project, signal), 1).view(2, TIMES, 3, 2, 4).unbind(2)
    )
    scores = torch.einsum("nthd,nshd->nhts", q, k).tril() / 2
    expected = torch.einsum("nhts,nshd->nthd", scores, v).flatten(2)
    mixed = cell.mix(signal, None)[0]
    assert (mixed[..., 0, 0] - expected).abs().max() < EXACT
    for other in (decaying, attention.mix(signal, None)[0]):
        assert (mixed - other).abs().max() > 1e-3


@torch.no_grad()
def test_ssd_decays_by_its_step_by_hand():
    """One head of width 1, two frames: y = (e^{-Δ₂ A} Δ₁ k₁ v₁ + Δ₂ k₂ v₂) q₂."""
    cell, signal = build("ssd", heads=1, width=1), series(2)
    cell.log_decay.fill_(torch.tensor(3.0).double().log())
    q, k, v = torch.stack(drives(cell.project, signal), 1).unbind(2)
    step = torch.nn.functional.softplus(torch.stack(drives(cell.step, signal), 1))[
        ..., 0
    ]
    drive = step * k * v
    expected = ((-3 * step[:, 1]).exp() * drive[:, 0] + drive[:, 1]) * q[:, 1]
    assert (cell.mix(signal, None)[0][:, 1, 0, 0, 0] - expected).abs().max() < EXACT


@torch.no_grad()
@pytest.mark.law("models/temporal/fsmn")
def test_fsmn_answers_an_impulse_at_its_taps_alone():
    cell = build("fsmn", taps=3, stride=2)
    signal = torch.zeros(1, 9, 3, 1, 1).double()
    silence, _ = cell.mix(signal, None)
    signal[:, 2] = 1
    answer = cell.mix(signal, None)[0] - silence
    answers = answer.abs().amax((0, 2, 3, 4)) > 1e-9
    assert answers.nonzero().flatten().tolist() == [2, 4, 6]


def delayed(delay, steps, hidden=8):
    """The last error of a trained FSMN of four taps that is to repeat what was."""
    torch.manual_seed(0)
    cell = build("fsmn", hidden, hidden, taps=4).float()
    read = torch.nn.Conv2d(hidden, 1, 1)
    optimiser = torch.optim.Adam([*cell.parameters(), *read.parameters()])
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.03, total_steps=steps)
    loss = torch.tensor(torch.nan)
    for _ in range(steps):
        signal = torch.randn(16, 24, 1, 1, 1)
        mixed, _ = cell(signal.expand(-1, -1, hidden, 1, 1).contiguous(), None)
        told = temporal.per_frame(read, mixed)
        loss = (told[:, delay:] - signal[:, : 24 - delay]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rates.step()
    return loss.item()


@pytest.mark.minutes
def test_a_trained_fsmn_repeats_what_it_still_holds_and_nothing_older():
    assert delayed(3, 500) < 1e-3
    assert delayed(4, 200) > 0.9  # of a variance of one


@pytest.mark.parametrize(("reflects", "least"), [(True, -1), (False, 0)])
@pytest.mark.law("models/temporal/delta")
def test_a_delta_step_reflects_only_beyond_one(reflects, least):
    """Eigenvalues of I - βkkᵀ are 1 and 1 - β; of n_h steps, n_h differ from 1."""
    key = torch.nn.functional.normalize(vector(1, 1, 4, 1, 1), dim=2)
    empty = torch.zeros(1, 1, 4, 1, 1).double()
    memory = torch.eye(4).double()[None, None, ..., None, None]
    rate = torch.full((1, 1, 1, 1, 1, 1), 2.0 if reflects else 1.0).double()
    after = delta.corrected(memory, key, empty, rate)[0, 0, ..., 0, 0]
    assert abs(torch.linalg.eigvalsh(after).min() - least) < EXACT
    other = torch.nn.functional.normalize(vector(1, 1, 4, 1, 1), dim=2)
    twice = delta.corrected(after[None, None, ..., None, None], other, empty, rate)
    assert torch.linalg.matrix_rank(twice[0, 0, ..., 0, 0] - torch.eye(4)) == 2
    assert build("delta", reflects=reflects).largest == (2 if reflects else 1)


@pytest.mark.law("models/temporal/miras")
def test_yaad_without_a_bound_is_the_delta_rule_and_with_one_moves_so_far():
    torch.manual_seed(0)
    memory = vector(1, 4, 4, 1, 1)
    key = torch.nn.functional.normalize(vector(1, 4, 1, 1), dim=1)
    one, rate = (
        torch.ones(1, 1, 1, 1, 1).double(),
        0.3 * torch.ones(1, 1, 1, 1, 1).double(),
    )
    value = vector(1, 4, 1, 1)
    learnt = miras.yaad(memory, key, value, one, rate, 1e9 * one)
    rows = memory.transpose(1, 2)[:, None]  # of Delta: key × value
    expected = delta.corrected(rows, key[:, None], value[:, None], rate[None])
    assert (learnt - expected[:, 0].transpose(1, 2)).abs().max() < EXACT
    for size in (1e1, 1e3, 1e6):  # an outlier writes ηδ, however large
        learnt = miras.yaad(memory, key, size * value, one, rate, 0.5 * one)
        assert abs((learnt - memory).norm() - 0.15) < 1e-7
    unbounded = miras.yaad(memory, key, 1e3 * value, one, rate, 1e9 * one)
    assert (unbounded - memory).norm() > 100


@torch.no_grad()
def test_memora_keeps_distributions():
    cell = build("miras", rule="memora", width=4)
    _, state = cell.mix(10 * series(), None)
    rows = state.exp()
    assert (rows.sum(2) - 1).abs().max() < EXACT
    uniform = miras.empty("memora", vector(1, 4, 1, 1), vector(1, 4, 1, 1)).exp()
    assert torch.allclose(uniform, torch.full_like(uniform, 0.25))
    assert (rows - 0.25).abs().max() > 1e-2  # it has learnt


def test_moneta_pulls_with_the_square_of_its_error():
    """From zero, with k = (1, 0) and v = (2, -3): A = η (4, -9), W = A / ‖A‖₄²."""
    zero, one = torch.zeros(1, 2, 2, 1, 1).double(), torch.ones(1, 1, 1, 1, 1).double()
    key, value = (
        torch.tensor(pair, dtype=torch.float64).view(1, 2, 1, 1)
        for pair in ([1, 0], [2, -3])
    )
    memory = miras.moneta(zero, key, value, one, one, one)
    expected = torch.tensor([[4.0, 0], [-9, 0]]).double()
    assert (memory[0, ..., 0, 0] - expected).abs().max() < 1e-5
    weights = miras.normalised(memory)[0, ..., 0, 0]
    assert (weights - expected / (256 + 6561) ** 0.5).abs().max() < 1e-6


def test_outliers_spoil_the_delta_rule_and_not_a_bounded_step():
    """16 keys, read 20 times over; of the values, one in twenty is of N(0, 30²).

    Without outliers the delta rule recalls exactly, the bounded step nearly.
    """
    torch.manual_seed(0)
    keys, values = torch.linalg.qr(vector(16, 16)).Q, vector(16, 8)
    order, wrong = torch.arange(320) % 16, torch.rand(320) < 0.05
    one = torch.ones(1, 1, 1, 1, 1).double()

    def recall(bound, wrong):
        memory = torch.zeros(1, 8, 16, 1, 1).double()
        torch.manual_seed(1)
        for item, spoilt in zip(order, wrong, strict=True):
            value = 30 * vector(8) if spoilt else values[item]
            pair = keys[item].view(1, 16, 1, 1), value.view(1, 8, 1, 1)
            memory = miras.yaad(memory, *pair, one, 0.2 * one, bound * one)
        return (memory[0, ..., 0, 0] @ keys.T - values.T).square().mean()

    unbounded, bounded, none = 1e9, 1, torch.zeros_like(wrong)
    assert recall(unbounded, wrong) > 1 > 0.1 > recall(bounded, wrong)
    assert recall(unbounded, none) < 0.01 and recall(bounded, none) < 0.01
