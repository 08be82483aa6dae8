{{/*
What Kubernetes refuses in a CronJob's schedule, as a sentence; empty for what it takes. The rules are those of its
parser, robfig/cron: cron.ParseStandard. A test holds both against each other.
*/}}
{{- define "mongogate.schedule.problem" -}}
{{- $s := toString . -}}
{{- if contains "TZ" $s -}}a zone in the schedule is refused by Kubernetes: set timeZone
{{- else if hasPrefix "@" $s -}}
{{- if not (has $s (list "@hourly" "@daily" "@midnight" "@weekly" "@monthly" "@yearly" "@annually")) -}}
Kubernetes knows @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually only, in lower case: write one of them, or five fields
{{- end -}}
{{- else -}}
{{- $f := include "mongogate.schedule.fields" $s | fromJsonArray -}}
{{- if ne (len $f) 5 -}}Kubernetes takes five fields, minute, hour, day, month and weekday: leave out seconds and years
{{- else -}}
{{- $bad := list -}}
{{- range $i, $field := $f -}}
{{- $got := include "mongogate.schedule.field" (dict "field" $field "index" $i) | fromJson -}}
{{- if $got.error }}{{ $bad = append $bad (printf "%s: %s" (index (list "minute" "hour" "day of month" "month" "day of week") $i) $got.error) }}{{ end -}}
{{- end -}}
{{- if $bad }}Kubernetes refuses it: {{ join ", " $bad }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The fields of a schedule: what Go's strings.Fields makes of it. */}}
{{- define "mongogate.schedule.fields" -}}
{{- $all := list -}}
{{- range regexSplit "[\\s\\x0b\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}]+" . -1 -}}
{{- if . }}{{ $all = append $all . }}{{ end -}}
{{- end -}}
{{- $all | toJson -}}
{{- end -}}

{{/* One field: its numbers, whether it has a * without a step, and what is wrong with it. */}}
{{- define "mongogate.schedule.field" -}}
{{- $low := index (list 0 0 1 1 0) .index -}}
{{- $high := index (list 59 23 31 12 6) .index -}}
{{- $names := index (list list list list (list "jan" "feb" "mar" "apr" "may" "jun" "jul" "aug" "sep" "oct" "nov" "dec") (list "sun" "mon" "tue" "wed" "thu" "fri" "sat")) .index -}}
{{- $set := dict -}}
{{- $star := false -}}
{{- $error := "" -}}
{{- range $item := splitList "," .field -}}
{{- if and $item (not $error) -}}
{{- $parts := splitList "/" $item -}}
{{- $ends := splitList "-" (first $parts) -}}
{{- $from := $low -}}
{{- $to := $high -}}
{{- $step := 1 -}}
{{- $plain := has (first $ends) (list "*" "?") -}}
{{- if gt (len $parts) 2 }}{{ $error = printf "%s has two slashes" $item }}{{ end -}}
{{- if and (not $plain) (gt (len $ends) 2) }}{{ $error = printf "%s has two hyphens" $item }}{{ end -}}
{{- if and (not $error) (gt (len $parts) 1) -}}
{{- $step = include "mongogate.schedule.number" (dict "text" (index $parts 1) "names" list "low" 0) | int -}}
{{- if lt $step 1 }}{{ $error = printf "the step of %s is not a number above 0" $item }}{{ end -}}
{{- end -}}
{{- if and (not $error) (not $plain) -}}
{{- $from = include "mongogate.schedule.number" (dict "text" (first $ends) "names" $names "low" $low) | int -}}
{{- $to = $from -}}
{{- if gt (len $ends) 1 -}}
{{- $to = include "mongogate.schedule.number" (dict "text" (index $ends 1) "names" $names "low" $low) | int -}}
{{- else if gt (len $parts) 1 -}}
{{- $to = $high -}}
{{- end -}}
{{- if or (lt $from 0) (lt $to 0) }}{{ $error = printf "%s is neither a number nor a name" $item -}}
{{- else if or (lt $from $low) (gt $to $high) }}{{ $error = printf "%s is not from %d to %d" $item $low $high -}}
{{- else if gt $from $to }}{{ $error = printf "%s ends before it begins" $item }}{{ end -}}
{{- end -}}
{{- if not $error -}}
{{- if and $plain (eq $step 1) }}{{ $star = true }}{{ end -}}
{{- range untilStep $from (add1 $to | int) (min $step 100 | int) }}{{ $_ := set $set (toString .) true }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- dict "set" $set "star" $star "error" $error | toJson -}}
{{- end -}}

{{/* A number, or a name as one; -1 for what is neither. What is more than any field has is 1000. */}}
{{- define "mongogate.schedule.number" -}}
{{- $low := .low -}}
{{- $n := -1 -}}
{{- $name := lower .text -}}
{{- range $i, $known := .names }}{{ if eq $known $name }}{{ $n = add $low $i }}{{ end }}{{ end -}}
{{- if regexMatch "^[+]?[0-9]+$" .text -}}
{{- $digits := regexReplaceAll "^[+]?0*" .text "" -}}
{{- if not $digits }}{{ $n = 0 -}}
{{- else if le (len $digits) 3 }}{{ $n = int $digits -}}
{{- else if or (lt (len $digits) 19) (and (eq (len $digits) 19) (le $digits "9223372036854775807")) }}{{ $n = 1000 }}{{ end -}}
{{- end -}}
{{- $n -}}
{{- end -}}

{{/*
At least the longest time between two ticks of a schedule, in milliseconds; 0 for what never ticks. Dates alone are
looked at: the days of two months, of a week, a year, and the eight years that can lie between two 29 February.
*/}}
{{- define "mongogate.period" -}}
{{- $s := toString . -}}
{{- $day := 86400000.0 -}}
{{- $macro := dict "@hourly" (divf $day 24.0) "@daily" $day "@midnight" $day "@weekly" (mulf 7.0 $day) "@monthly" (mulf 31.0 $day) "@yearly" (mulf 366.0 $day) "@annually" (mulf 366.0 $day) -}}
{{- if hasKey $macro $s -}}{{ get $macro $s }}
{{- else if include "mongogate.schedule.problem" $s -}}0
{{- else -}}
{{- $f := list -}}
{{- range $i, $field := include "mongogate.schedule.fields" $s | fromJsonArray -}}
{{- $f = append $f (include "mongogate.schedule.field" (dict "field" $field "index" $i) | fromJson) -}}
{{- end -}}
{{- $hours := index $f 1 -}}{{- $dom := index $f 2 -}}{{- $month := index $f 3 -}}{{- $dow := index $f 4 -}}
{{- $both := or $dom.star $dow.star -}}
{{- $anyDom := eq (len $dom.set) 31 -}}
{{- $anyDow := eq (len $dow.set) 7 -}}
{{- $never := or (not (index $f 0).set) (not $hours.set) (not $month.set) (ternary (or (not $dom.set) (not $dow.set)) (and (not $dom.set) (not $dow.set)) $both) -}}
{{- if $never -}}0
{{- else if lt (len $month.set) 12 -}}
{{- $weekday := ternary $anyDom (gt (len $dow.set) 0) $both -}}
{{- $yearly := $weekday -}}
{{- $leap := false -}}
{{- $days := list 31 28 31 30 31 30 31 31 30 31 30 31 -}}
{{- range $m, $_ := $month.set -}}
{{- range $d, $_ := $dom.set -}}
{{- if le (int $d) (index $days (sub (int $m) 1 | int)) }}{{ $yearly = true }}{{ else if and (eq $m "2") (eq $d "29") }}{{ $leap = true }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if $yearly }}{{ mulf 366.0 $day }}{{ else if $leap }}{{ mulf 2922.0 $day }}{{ else }}0{{ end -}}
{{- else if or (and $anyDom $anyDow) (and (not $both) (or $anyDom $anyDow)) -}}{{ ternary (divf $day 24.0) $day (eq (len $hours.set) 24) }}
{{- else if and $both $anyDow -}}{{ mulf 62.0 $day }}
{{- else if and (not $both) (not $dow.set) -}}{{ mulf 62.0 $day }}
{{- else -}}{{ mulf 7.0 $day }}
{{- end -}}
{{- end -}}
{{- end -}}
