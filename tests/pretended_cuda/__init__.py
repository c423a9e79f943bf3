"""CUDA without CUDA: a device that says `cuda:0` and computes on the CPU, and `lengthwise train` on it.

| file | |
|---|---|
| `tensor.py` | the tensor, and what CUDA would refuse it |
| `machine.py` | a process that believes to have such devices |
| `runs.py` | the trainings, one after the other in one process; `faults.py`: faults planted in them |

What it cannot show: what only kernels refuse (precisions, shapes), Triton, NCCL, memory and speed.
"""
