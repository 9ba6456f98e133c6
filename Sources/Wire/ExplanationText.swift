internal import Bytes
package import Detection

/// Why a sample was judged so, with what is known of its device beside the samples.
package struct SampleExplanation: Sendable {
    /// nil for the fleet's series.
    package let device: [UInt8]?
    package let explanation: Explanation
    /// What people called false alarms at the same hour of the day.
    package var habits: [FalseAlarmHabit] = []

    package init(device: [UInt8]?, _ explanation: Explanation) {
        self.device = device
        self.explanation = explanation
    }
}

/// An hour of the day at which a device's incidents were called false alarms several times. It is
/// told, and silences nothing.
package struct FalseAlarmHabit: Sendable, Equatable {
    /// From so many on.
    package static let least = 3

    /// From 0 to 23, UTC.
    package let hour: Int
    package let count: Int

    package init(hour: Int, count: Int) {
        self.hour = hour
        self.count = count
    }
}

extension Explanation.View {
    /// The view's name on the wire.
    package var word: StaticString { reason?.word ?? "judge" }

    /// What it looks at, in a sentence.
    package var question: StaticString {
        switch reason {
        case .spike: "Is the value far from what was predicted, by the errors of all the past?"
        case .jump: "Is it far from what was predicted, by the errors of everyday?"
        case .daily: "Is it unlike what this hour of the day brings?"
        case .level: "Is the mean of the last hour unlike the series' long history?"
        case .cpu: "Does the cpu fit the load, as it usually does?"
        case .flat: "Has the value been the same for much longer than ever?"
        case .gap: "Were samples missing before this one?"
        case .some(.none), nil:
            "Is all of it together like what operators called an incident?"
        }
    }
}

extension Explanation.View.State {
    package var word: StaticString {
        switch self {
        case .quiet: "quiet"
        case .waiting: "waiting"
        case .over: "over"
        }
    }
}

extension Explanation {
    /// The outcome in words for a person on call.
    package var summary: String {
        if verdict.alert { return "\(verdict.reason.sentence)" }
        if verdict.isLearning {
            return "The series is too young: no view says anything of its first samples."
        }
        if views.contains(where: { $0.state == .over }) {
            return verdict.incident > 0
                ? "It is unusual, and belongs to an incident that has alerted already."
                : "It is unusual, but no alert: the same had alerted shortly before, or happens "
                    + "every day, or is the way back to the usual, or the judge finds it harmless."
        }
        if views.contains(where: { $0.state == .waiting }) {
            return "It is unusual; where samples come so often, the next ones must agree before "
                + "anybody is woken."
        }
        return "\(Reason.none.sentence)"
    }
}

extension ByteBuffer {
    mutating func append(_ page: SampleExplanation) {
        let explanation = page.explanation
        let verdict = explanation.verdict
        let device = page.device ?? []
        append("{")
        if page.device != nil {
            append("\"device_id\":")
            append(jsonString: device.span)
            append(",")
        }
        append("\"sequence\":")
        append(integer: verdict.sequence)
        append(",\"sample\":")
        append(explanation.sample, device: device.span)
        append(",\"verdict\":{")
        append(verdict, device: device.span)
        append("},\"explanation\":")
        append(jsonString: explanation.summary)
        append(",\"learning\":")
        append(boolean: verdict.isLearning)
        append(",\"threshold\":")
        append(number: explanation.parameters.alertThreshold)
        append(",\"views\":[")
        for (position, view) in explanation.views.enumerated() {
            if position > 0 { append(",") }
            append(view, threshold: explanation.parameters.alertThreshold)
        }
        append("]")
        append(quietValueOf: explanation)
        append(page.habits)
        append(explanation.parameters)
        append("}")
    }

    private mutating func append(_ view: Explanation.View, threshold: Double) {
        append("{\"view\":\"")
        append(view.word)
        append("\",\"question\":\"")
        append(view.question)
        append("\",\"state\":\"")
        append(view.state.word)
        append("\",\"score\":")
        append(number: view.score)
        append(",\"share\":")
        append(number: view.score / threshold)
        if let range = view.range {
            append(
                expected: range.expected, lower: range.lower, upper: range.upper,
                of: view.reason?.measure ?? .nothing)
        }
        append("}")
    }

    private mutating func append(quietValueOf explanation: Explanation) {
        let isCPU = explanation.verdict.reason == .cpu
        append(isCPU ? ",\"quiet_cpu\":" : ",\"quiet_value\":")
        if let value = explanation.quietValue { append(number: value) } else { append("null") }
    }

    private mutating func append(_ habits: [FalseAlarmHabit]) {
        append(",\"habits\":[")
        for (position, habit) in habits.enumerated() {
            append(position > 0 ? ",{\"hour\":" : "{\"hour\":")
            append(integer: habit.hour)
            append(",\"false_alarms\":")
            append(integer: habit.count)
            append("}")
        }
        append("]")
    }

    private mutating func append(_ parameters: FoldParameters) {
        append(",\"fold\":{\"version\":")
        append(integer: SeriesFold.version)
        append(",\"window_size\":")
        append(integer: parameters.windowSize)
        append(",\"z_threshold\":")
        append(number: parameters.zThreshold)
        append(",\"min_samples\":")
        append(integer: parameters.minimumSamples)
        append(",\"alert_threshold\":")
        append(number: parameters.alertThreshold)
        append("}")
    }
}
