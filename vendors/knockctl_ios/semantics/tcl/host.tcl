# The child's side of knockctl_ios.eem.interpreter: runs scripts, each in a safe interpreter of its
# own, which knows of the world what the event manager's commands let it ask of its router.

fconfigure stdin -translation binary
fconfigure stdout -translation binary -buffering full

proc packed {text} {
    binary scan [encoding convertto utf-8 $text] H* hex
    return x$hex
}

proc unpacked {word} {
    return [encoding convertfrom utf-8 [binary format H* [string range $word 1 end]]]
}

proc say {args} {
    puts stdout $args
    flush stdout
}

# Asks the router something; returns its answer as a list.
proc ask {what args} {
    set words $what
    foreach one $args {
        lappend words [packed $one]
    }
    say {*}$words
    if {[gets stdin line] < 0} {
        exit
    }
    set answer {}
    foreach word $line {
        lappend answer [unpacked $word]
    }
    return $answer
}

# --- the event manager's commands ---

proc eem_clock {now what args} {
    switch -exact -- $what {
        seconds { return $now }
        clicks { return [expr {$now * 1000}] }
        default { error "clock $what: there is no such clock here" }
    }
}

proc eem_save {script name {pattern *}} {
    set found {}
    foreach variable [interp eval $script [list info globals $pattern]] {
        if {[interp eval $script [list array exists ::$variable]]} {
            foreach {key value} [interp eval $script [list array get ::$variable]] {
                lappend found ${variable}($key) $value
            }
        } elseif {[interp eval $script [list info exists ::$variable]]} {
            lappend found $variable [interp eval $script [list set ::$variable]]
        }
    }
    ask save $name {*}$found
    return
}

proc eem_retrieve {name {variable ""} {index ""}} {
    set found [ask retrieve $name]
    if {$variable eq ""} {
        if {[llength $found] == 0} {
            error "context $name: there is no such context"
        }
        return $found
    }
    array set known $found
    foreach wanted [list $variable "${variable}($index)"] {
        if {[info exists known($wanted)]} {
            return $known($wanted)
        }
    }
    error "$variable is not in the context $name"
}

proc eem_exec {fd command} {
    return [lindex [ask command $command] 0]
}

proc eem_log {args} {
    array set options $args
    ask log $options(msg)
    return
}

proc prepared {message now published} {
    set script [interp create -safe]
    foreach name {eem lib} {
        interp eval $script [list namespace eval ::cisco::$name {namespace export *}]
    }
    set event [list event_type_string syslog event_pub_sec $published msg $message]
    foreach {name command} [list \
        eem::event_reqinfo [list return $event] \
        eem::action_syslog eem_log \
        eem::context_save [list eem_save $script] \
        eem::context_retrieve eem_retrieve \
        lib::cli_open [list return {fd 1 tty_id 1}] \
        lib::cli_exec eem_exec \
        lib::cli_write {return ""} \
        lib::cli_close {return ""} \
    ] {
        interp alias $script ::cisco::$name {} {*}[wrapped $command]
    }
    foreach kind {syslog none timer cli} {
        interp alias $script ::cisco::eem::event_register_$kind {} {*}[wrapped {return ""}]
    }
    interp alias $script clock {} eem_clock $now
    interp alias $script puts {} {*}[wrapped {return ""}]
    interp eval $script {set _cerrno 0}
    return $script
}

# Lets a command that always returns the same take any arguments.
proc constant {value args} {
    return $value
}

proc wrapped {command} {
    if {[lindex $command 0] eq "return"} {
        return [list constant [lindex $command 1]]
    }
    return $command
}

proc run {text message now seconds} {
    set script [prepared $message $now $now]
    interp limit $script time -seconds [expr {[clock seconds] + $seconds}]
    set failed [catch {interp eval $script $text} result]
    if {[interp exists $script]} {
        interp delete $script
    }
    say done $failed [packed $result]
}

while {[gets stdin line] >= 0} {
    set words {}
    foreach word $line {
        lappend words [unpacked $word]
    }
    run {*}$words
}
