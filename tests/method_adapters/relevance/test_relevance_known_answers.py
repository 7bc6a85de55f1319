"""RAP and RSP on networks small enough to be worked out by hand; every number stands in a comment."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.testing import assert_close

from method_adapters.attribution._relevance.layers import Affine, Average, Maximum
from method_adapters.attribution._relevance.rules import (
    average_rule,
    box_rule,
    maximum_rule,
    sum_rule,
    uniform_shift,
)
from method_adapters.attribution.rap import hidden_rule, output_rule, rap, rap_propagation
from method_adapters.attribution.rsp import Options, rsp, rsp_propagation, sectional_rule


def t(*values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def linear(weight: Tensor) -> Affine:
    return Affine("linear", (0,), weight, None)


def conv(weight: Tensor, padding: int = 0) -> Affine:
    """A convolution over time; weight [O, I, k]."""
    return Affine("conv", (0,), weight, None, (1,), (padding,), (1,), 1)


def dense(*sizes: tuple[list[list[float]], list[float]]) -> nn.Sequential:
    """An MLP of double precision with the given weights and biases."""
    layers: list[nn.Module] = []
    for weight, bias in sizes:
        layer = nn.Linear(len(weight[0]), len(weight)).double()
        with torch.no_grad():
            layer.weight.copy_(t(*weight))
            layer.bias.copy_(t(*bias))
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def test_rap_of_two_layers() -> None:
    # x = (1, 3); hidden h = ([2, 1]·x, [-1, 1]·x) = (5, 2); y = 5 - 2 + 2 = 5.
    # Contributions c = (5, -2), sizes 5 and 2: R = 5/7·5, 2/7·5 = 25/7, 10/7 (both positive, total 5).
    # First layer, l = 1, u = 3: x - l = (0, 2), x - u = (-2, 0).
    # Unit 0, w = (2, 1): terms 2·0, 1·2: all 25/7 to input 1.
    # Unit 1, w = (-1, 1): terms -1·-2 = 2 and 1·2 = 2: half each.
    # R_in = (5/7, 25/7 + 5/7) = (5/7, 30/7).
    net = dense(([[2.0, 1.0], [-1.0, 1.0]], [0.0, 0.0]), ([[1.0, -1.0], [0.0, 1.0]], [2.0, 0.0]))
    found = rap_propagation(net, t([1.0, 3.0]), torch.tensor([0]))
    assert_close(found.relevance, t([5 / 7, 30 / 7]))
    assert found.layers[0] == "start"
    assert_close(found.totals, torch.full_like(found.totals, 5.0))


def test_rap_explains_a_negative_logit_with_its_sign() -> None:
    # h = (5, 2), y_1 = -3·5 + 1·2 + 1 = -12; sizes 15 and 2: R = 15/17·-12, 2/17·-12; the total stays -12.
    net = dense(([[2.0, 1.0], [-1.0, 1.0]], [0.0, 0.0]), ([[1.0, -1.0], [-3.0, 1.0]], [2.0, 1.0]))
    found = rap(net, t([1.0, 3.0]), torch.tensor([1]))
    assert_close(found, t([-12 / 17, -12 * 15 / 17 - 12 / 17]))


def test_output_rule_where_contributions_cancel() -> None:
    # c = (2, -2): Pos + Neg = 0, yet y = bias = 1 is shared by size: (1/2, 1/2).
    found = output_rule(t([1.0, 2.0]), t([2.0, -1.0]), t([1.0]), torch.tensor([0]))
    assert_close(found, t([0.5, 0.5]))


X, W = t([1.0, 2.0]), t([3.0, -1.0], [-1.0, 2.0])
# Unit 0: Z+ = 3 (input 0), Z- = 2 (input 1), q = 2/5. Unit 1: Z+ = 4 (input 1), Z- = 1 (input 0), q = 1/5.


def test_hidden_rule_of_a_linear_layer() -> None:
    # R = (4, -1). Unit 0: 4 to input 0, 4·2/5 = 1.6 to input 1.
    # Unit 1: -1 along Z+ to input 1, -1·1/5 to input 0.
    # C = (3.8, 0.6), ΣC - ΣR = 4.4 - 3 = 1.4, half each: (3.1, -0.1).
    assert_close(hidden_rule(linear(W), X, t([4.0, -1.0])), t([3.1, -0.1]))


def test_hidden_rule_of_a_convolution() -> None:
    # The same, but R- goes along Z-: unit 1 gives -1 and -1/5 to input 0.
    # C = (4 - 1.2, 1.6), shift 0.7: (2.1, 0.9).
    found = hidden_rule(conv(W.unsqueeze(-1)), X.unsqueeze(-1), t([4.0, -1.0]).unsqueeze(-1))
    assert_close(found.squeeze(-1), t([2.1, 0.9]))


def test_hidden_rule_of_negative_inputs_uses_the_sign_of_the_product() -> None:
    # x = (-1, 2), w = (-3, -1): products 3 and -2. R = 5, q of x+: Z+ = 0, Z- = 2, so q = 1: 5 to input 1.
    # x-: Z+ = 3, Z- = 0: 5 to input 0. C = (5, 5), ΣC - ΣR = 5: (2.5, 2.5).
    assert_close(hidden_rule(linear(t([-3.0, -1.0])), t([-1.0, 2.0]), t([5.0])), t([2.5, 2.5]))


def test_hidden_rule_gives_silent_inputs_nothing() -> None:
    # x = (0, 2), R = (4): Z+ = 2 from input 1 only; C = (0, 4), no surplus, and the shift leaves the 0 alone.
    assert_close(hidden_rule(linear(t([5.0, 1.0])), t([0.0, 2.0]), t([4.0])), t([0.0, 4.0]))


def test_uniform_shift_spares_zeros() -> None:
    # 3 + 5 = 8, wanted 2: surplus 6 over two entries.
    layer = linear(t([1.0, 1.0, 1.0]))
    assert_close(uniform_shift(layer, t([3.0, 0.0, 5.0]), t([2.0])), t([0.0, 0.0, 2.0]))


def test_a_silent_layer_shares_evenly() -> None:
    # No input is active, so that nothing can be shifted: 6 over three inputs.
    layer = linear(t([1.0, 1.0, 1.0]))
    assert_close(hidden_rule(layer, t([0.0, 0.0, 0.0]), t([6.0])), t([2.0, 2.0, 2.0]))
    assert_close(sectional_rule(layer, t([0.0, -1.0, 0.0]), t([6.0])), t([2.0, 2.0, 2.0]))


def test_sectional_rule_of_a_kernel_of_two() -> None:
    # x = (1, 2, 1), windows (1, 2) and (2, 1), R = (3, -1).
    # G+ = 3·(1, 2) = (3, 6), Z+ = 15: shares 1·3, 2·6 of 3/15: C+ = (0.6, 2.4, 0).
    # G- = 1·(2, 1), Z- = 5: shares 2·2, 1·1 of 1/5: C- = (0, 0.8, 0.2).
    # 2 (C+ - C-) = (1.2, 3.2, -0.4), sum 4, ΣR = 2: minus 2/3 each.
    weight = torch.randn(1, 1, 2, generator=torch.Generator().manual_seed(0)).double()  # cancels
    found = sectional_rule(conv(weight), t([[1.0, 2.0, 1.0]]), t([[3.0, -1.0]]))
    assert_close(found, t([[1.2 - 2 / 3, 3.2 - 2 / 3, -0.4 - 2 / 3]]))


def test_sectional_rule_of_a_kernel_of_one() -> None:
    # Two channels at one position, x = (1, 2), R = (3, -1): G+ = (3, 6), Z+ = 15, C+ = (0.6, 2.4);
    # G- = (1, 2), Z- = 5, C- = (0.2, 0.8). Neither doubled nor shifted: (0.4, 1.6).
    found = sectional_rule(conv(W.unsqueeze(-1)), X.unsqueeze(-1), t([3.0, -1.0]).unsqueeze(-1))
    assert_close(found.squeeze(-1), t([0.4, 1.6]))


def test_sectional_rule_with_a_purge() -> None:
    # Channels (3, -1) sum to 2: the purge keeps 3. A kernel of one is not doubled: (0.6, 2.4), sum 3.
    # The total wanted stays 2: minus 1/2 each.
    found = sectional_rule(conv(W.unsqueeze(-1)), X.unsqueeze(-1), t([3.0, -1.0]).unsqueeze(-1), purge=True)
    assert_close(found.squeeze(-1), t([0.1, 1.9]))


class Small(nn.Module):
    """Two filters of one position, mean over time, a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.head = nn.Conv1d(1, 2, 1), nn.ReLU(), nn.Linear(2, 2)
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor([[[1.0]], [[-1.0]]]))
            self.conv.bias.copy_(torch.tensor([0.0, 5.0]))  # type: ignore[union-attr]
            self.head.weight.copy_(torch.tensor([[1.0, -1.0], [0.0, 1.0]]))
            self.head.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.relu(self.conv(x)).mean(2))
        return found


# x = (1, 2, 4): A = (1, 2, 4) and (4, 3, 1). g_0 = (1/3, -1/3), g_1 = (0, 1/3).
# M_0 = (1, 2, 4; -4, -3, -1) / 4, M_1 = (0, 0, 0; 4, 3, 1) / 4, each over its maximum.
# A filter of one position gives its relevance to that position, so the map is the start summed over filters.
SERIES = t([[1.0, 2.0, 4.0]])


def test_rsp_from_a_single_class() -> None:
    # The sum over filters of M_0: (1 - 4, 2 - 3, 4 - 1) / 4.
    found = rsp(Small().double(), SERIES, torch.tensor([0]), Options("single"))
    assert_close(found, t([[-0.75, -0.25, 0.75]]))


def test_rsp_from_the_relative_map_purged_by_sign() -> None:
    # Rel = M_0 - M_1 = (1, 2, 4; -8, -6, -2) / 4, balanced: (1/7, 2/7, 4/7; -1/2, -3/8, -1/8).
    # s = (-5/14, -5/56, 25/56). Kept: filter 1 at times 0 and 1 (-1/2, -3/8), filter 0 at time 2 (4/7).
    # Scaled to totals 2 and -1: (-4/7, -3/7, 2).
    found = rsp_propagation(Small().double(), SERIES, torch.tensor([0]), Options("relative", "sign"))
    assert_close(found.relevance, t([[-4 / 7, -3 / 7, 2.0]]))
    assert_close(found.totals, torch.ones_like(found.totals))


def test_rsp_from_the_relative_map_spread_over_channels() -> None:
    # s = (-20, -5, 25) / 56, scaled to totals 2 and -1: (-0.8, -0.2, 2), half to each filter.
    found = rsp(Small().double(), SERIES, torch.tensor([0]), Options("relative", "channel"))
    assert_close(found, t([[-0.8, -0.2, 2.0]]))


def test_rsp_falls_back_to_the_single_class_where_no_class_competes() -> None:
    # Logits y_0 = (7 - 8) / 3 < 0, y_1 = 8/3 > 0: under sigmoid class 1 is alone. M_1 / 1 = (4, 3, 1) / 4.
    found = rsp(Small().double(), SERIES, torch.tensor([1]), Options(activation="sigmoid"))
    assert_close(found, t([[1.0, 0.75, 0.25]]))


def test_first_layer_shares_a_flat_patch_evenly() -> None:
    # x = (0, 0, 1), kernel (1, 1): unit 0 reads (0, 0) = l, its denominator is 0: 3 goes half and half.
    # Unit 1 reads (0, 1): x - l = (0, 1): all 5 to input 2.
    layer = conv(t([[1.0, 1.0]]))
    assert_close(box_rule(layer, t([[0.0, 0.0, 1.0]]), t([[3.0, 5.0]])), t([[1.5, 1.5, 5.0]]))


def test_average_rule_by_hand() -> None:
    # Windows (1, 3) and (0, 0): 8 goes 2 and 6; a window of zeros shares 4 evenly.
    pool = Average("pool", (0,), lambda x: functional.avg_pool1d(x, 2))
    assert_close(average_rule(pool, t([[1.0, 3.0, 0.0, 0.0]]), t([[8.0, 4.0]])), t([[2.0, 6.0, 2.0, 2.0]]))


def test_maximum_rule_adds_up_where_windows_overlap() -> None:
    # Windows (1, 5) and (5, 2): the 5 wins both.
    pool = Maximum("pool", (0,), lambda x: functional.max_pool1d(x, 2, 1, return_indices=True))
    assert_close(maximum_rule(pool, t([[1.0, 5.0, 2.0]]), t([[3.0, 4.0]])), t([[0.0, 7.0, 0.0]]))


def test_sum_rule_by_hand() -> None:
    # 6 over (1, 2) is (2, 4); where both are 0, half each.
    one, other = sum_rule((t([1.0, 0.0]), t([2.0, 0.0])), t([6.0, 3.0]))
    assert_close(one, t([2.0, 1.5]))
    assert_close(other, t([4.0, 1.5]))


def test_options_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="'middle' is no option of RSP; choose single or relative"):
        Options(start="middle")  # type: ignore[arg-type]
