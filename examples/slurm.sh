#!/usr/bin/env bash
# One launch on each node of an allocation; what it is given goes to tools/train.py.
#     sbatch --nodes 2 --gpus-per-node 4 examples/slurm.sh --config configs/RGB/U2Net/u2net.yaml --do_eval
# Again with --resume_model output, it goes on where the time was up. See docs/processes.md.
#SBATCH --job-name u2net
#SBATCH --ntasks-per-node 1
#SBATCH --cpus-per-task 16
#SBATCH --time 24:00:00
#SBATCH --signal TERM@300
set -euo pipefail

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
# launch wants an address, and the one that it finds itself on that node
address=$(srun --nodes 1 --ntasks 1 --nodelist "$first" \
    python -c 'import socket as s; print(s.gethostbyname(s.getfqdn(s.gethostname())))')
export MASTER=$address:$((20000 + SLURM_JOB_ID % 20000))

# a job that is lost on one node ends on all of them
exec srun --kill-on-bad-exit=1 bash -c 'exec python -m paddle.distributed.launch \
    --nnodes "$SLURM_NNODES" --rank "$SLURM_NODEID" --master "$MASTER" --job_id "$SLURM_JOB_ID" \
    --log_dir "log/$SLURM_JOB_ID.$SLURM_NODEID" tools/train.py --save_on_term "$@"' launch "$@"
