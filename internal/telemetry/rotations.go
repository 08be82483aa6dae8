package telemetry

// The outcomes of rotations.
const (
	rotationTaken   = "taken"
	rotationRefused = "refused"
)

// Rotated counts new credentials, by whether they could be used.
func (m *Metrics) Rotated(err error) {
	if err != nil {
		m.rotated.WithLabelValues(rotationRefused).Inc()
		return
	}
	m.rotated.WithLabelValues(rotationTaken).Inc()
}
