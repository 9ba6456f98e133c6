// SeriesLog
