"""Frames as Arrow record batches on the workers."""

from __future__ import annotations

import pyarrow as pa
from pyspark import RDD
from pyspark.serializers import NoOpSerializer
from pyspark.sql import DataFrame


def arrow_batches(frame: DataFrame, schema: pa.Schema) -> RDD[pa.RecordBatch]:
    """The frame's rows as Arrow record batches of ``schema``, on the workers.

    ``DataFrame.mapInArrow`` would do the same but insists on pandas, and returns to a frame.
    """
    # Private to PySpark, which offers these bytes nowhere else; seen to work with 3.5 and 4.
    packed: RDD[bytes] = RDD(
        frame._jdf.toArrowBatchRdd().toJavaRDD(), frame.sparkSession.sparkContext, NoOpSerializer()
    )
    return packed.map(lambda batch: pa.ipc.read_record_batch(pa.py_buffer(batch), schema))
