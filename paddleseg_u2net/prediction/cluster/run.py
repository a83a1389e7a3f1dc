"""From a source of pictures to a target that has all of them without their background."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Optional

from paddleseg_u2net.io.files import check_writable
from paddleseg_u2net.log import logger
from paddleseg_u2net.prediction.cluster import ray_data
from paddleseg_u2net.prediction.cluster.job import (
    Summary,
    do,
    names_below,
    outputs_of,
    planned,
    settings_hash,
)
from paddleseg_u2net.prediction.cluster.listing import images_of
from paddleseg_u2net.prediction.cluster.remote import place
from paddleseg_u2net.prediction.cluster.shipping import shipped
from paddleseg_u2net.prediction.cluster.worker import Task
from paddleseg_u2net.removal import FORMATS, Encoding, Options


class Pool(NamedTuple):
    """Who works.

    Args:
        address: of a Ray, see `ray_data.connected`.
        workers, threads: how many, and the processor cores of each; None: all there are.
        gpu: whether each has a GPU.
    """

    address: str = ray_data.LOCAL
    workers: Optional[int] = None
    threads: Optional[int] = None
    gpu: bool = False


HERE = Pool()


def remove_on_cluster(
    source: str,
    target: str,
    model: str,
    options: Options,
    encoding: Encoding,
    settings: Mapping[str, Any],
    pool: Pool = HERE,
    loading: Optional[Mapping[str, Any]] = None,
    name: Optional[str] = None,
    again: bool = False,
) -> Summary:
    """Write what is missing in ``target`` of the pictures of ``source``, and a manifest of all.

    Args:
        source: see `images_of`.
        model: see `find_model`.
        settings: what results depend on besides the model, in a form for JSON.
        loading: what `load_model` takes besides.
        name: the template of names, see `Names`.
        again: do all, also what is done.

    Raises:
        ValueError: of the source, the target, the model or Ray (RemoteError, RayError).
        OSError: the target takes no manifest.
    """
    ray_data.imported()
    end = place(target)
    if end.is_local:
        check_writable(end.path, folder=True)
    files = shipped(model)
    settings = {**settings, "model": f"{files.name}-{files.digest}"}
    names = names_below(FORMATS[encoding.format].suffixes, name)
    found = images_of(source, end, names)
    plan = planned(found, outputs_of(found, end, names), end, settings, again)
    logger.info(f"{source}: {len(found)} images, {plan.kept} of them are done")
    if not plan.rows:
        return Summary(kept=plan.kept)
    with ray_data.connected(pool.address, pool.workers, pool.threads, files.size) as cluster:
        loading = {**(loading or {}), "threads": cluster.threads}
        task = Task(files, loading, options, encoding, settings_hash(settings))
        logger.info(f"Ray: {cluster}")
        return do(
            plan,
            end,
            settings,
            lambda rows: ray_data.worked_on(rows, task, cluster, pool.gpu),
            on_failure=logger.error,
        )
