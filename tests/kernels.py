"""A script: compile kernels, as they would be launched, for a GPU that is not here."""

import torch
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from triton.runtime.jit import JITFunction

from fernn.cells.flow_equivariant.triton._convolution import convolve
from fernn.cells.flow_equivariant.triton._harmonic import KernelHarmonic
from fernn.cells.flow_equivariant.triton._maxima import MovedMaxima
from fernn.flows._tables import Tables

H200 = GPUTarget("cuda", 90, 32)
SHARED = 227 * 1024  # bytes of shared memory that a block may have there
TYPES = {
    torch.float64: "*fp64",
    torch.float32: "*fp32",
    torch.bfloat16: "*bf16",
    torch.int32: "*i32",
    torch.int16: "*i16",
}


def compiled(kernel, *args, grid, warmup, **options):
    """In place of a launch; tells of arguments what Triton does: type, 1, 16 | n."""
    names = kernel.arg_names
    given = dict(zip(names, args, strict=False)) | options
    types, constants, aligned = {}, {}, {}
    for place, name in enumerate(names):
        value = given.pop(name)
        if isinstance(value, torch.Tensor):
            types[name] = TYPES[value.dtype]
        elif name.isupper() or value == 1:
            types[name], constants[(place,)] = "constexpr", value
        else:
            types[name] = "i32"
        if types[name][0] == "*" or (types[name] == "i32" and value % 16 == 0):
            aligned[(place,)] = [["tt.divisibility", 16]]
    source = ASTSource(kernel, types, constants, aligned)
    made = compile(source, target=H200, options=given)
    assert made.metadata.shared <= SHARED, made.metadata
    print(kernel.__name__, next(iter(types.values())), "mma" in made.asm["ptx"])


JITFunction.run = compiled
exact = [(dtype, False) for dtype in TYPES if dtype.is_floating_point]
for dtype, rounded in [*exact, (torch.float32, True)]:
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = rounded
    state = torch.zeros(2, 9, 4, 4, 128, dtype=dtype)
    offsets = torch.zeros(9, 2, dtype=torch.int32)
    convolve(state, torch.zeros(128, 128, 3, 3), offsets, state, True)
    steps = torch.arange(1, 4, dtype=torch.int32)
    moving = state.clone().requires_grad_()
    MovedMaxima.apply(moving, offsets, steps).sum().backward()
    for basis, side, hidden in (("gauss", 5, 32), ("rings", 3, 3)):
        tables = Tables(basis, side, 36)
        signal = torch.zeros(2, 36 * hidden, 5, 5, dtype=dtype, requires_grad=True)
        weight = torch.zeros(6, 36, hidden, hidden, dtype=dtype, requires_grad=True)
        found = KernelHarmonic.apply(signal, tables.mixing(weight), tables)
        found.sum().backward()
