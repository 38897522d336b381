"""Products by oneDNN are matrix products, of any strides and in either precision."""

import pytest
import torch

from fernn.flows import _numerics
from fernn.flows._numerics import add_products, product, products


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("one_dnn", [True, False])
def test_they_are_matrix_products(monkeypatch, dtype, one_dnn):
    monkeypatch.setattr(_numerics, "_has_one_dnn", lambda: one_dnn)
    draw = torch.Generator().manual_seed(0)
    left = torch.randn(3, 7, 5, generator=draw, dtype=dtype)
    right = torch.randn(3, 9, 5, generator=draw, dtype=dtype).transpose(1, 2)
    wide = torch.randn(3, 7, 20, generator=draw, dtype=dtype)[:, :, 2:11]
    exact = torch.stack(
        [one.double() @ other.double() for one, other in zip(left, right, strict=True)]
    )
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {}
    same = {"check_dtype": False, **close}
    torch.testing.assert_close(product(left[1], right[1]), exact[1], **same)
    torch.testing.assert_close(products(left, right), exact, **same)
    total = wide.clone()
    add_products(total, left, right)
    torch.testing.assert_close(total, wide + exact, **same)
    assert not torch.allclose(total.double(), exact)
    part = torch.zeros(3, 7, 20, dtype=dtype)
    add_products(part[:, :, 2:11], left, right)
    torch.testing.assert_close(part[:, :, 2:11], exact, **same)
    assert not part[:, :, :2].any() and not part[:, :, 11:].any()
