# What each log line does, rule by rule. Everything above says for whom and how.

proc within {spans protocol port} {
    foreach span $spans {
        foreach {of first last} $span {}
        if {[string equal $of $protocol] && $port >= $first && $port <= $last} {
            return 1
        }
    }
    return 0
}

# Returns protocol, source, destination and port of a packet; nothing of any other line.
proc packet {line} {
    global kc
    set address {([0-9]+\.[0-9]+\.[0-9]+\.[0-9]+)}
    set ends "$address\\((\[0-9\]+)\\) *-> *$address\\((\[0-9\]+)\\)"
    set dropped {^[^%]*%CP-6-(TCP|UDP): DROP (.*)}
    set listed {^[^%]*%[A-Z]+-6-IPACCESSLOGP:[^%]* list ([^ ]+) denied (tcp|udp) (.*), 1 packet(.*)}
    if {[regexp $dropped $line all protocol rest]} {
        set plane 1
    } elseif {[regexp $listed $line all list protocol rest after]} {
        # What a flow sent later is told as a number of packets.
        if {![string equal $list $kc(list)] || [string match s* $after]} {
            return {}
        }
        set plane 0
    } else {
        return {}
    }
    if {![regexp $ends $rest all source from to port]} {
        return {}
    }
    foreach byte [concat [split $source .] [split $to .]] {
        if {[string length $byte] > 3 || [scan $byte %d value] != 1 || $value > 255} {
            return {}
        }
    }
    if {[string length $port] > 5 || [scan $port %d port] != 1 || $port > 65535} {
        return {}
    }
    return [list $plane [string tolower $protocol] $source $to $port]
}

proc heard {plane protocol port} {
    global knocks kc
    if {[within $kc(public) $protocol $port]} {
        return 0
    }
    if {[lsearch -exact $knocks $protocol/$port] >= 0} {
        return 1
    }
    # Who else drops what on the control plane is no matter of ours.
    if {$plane} {
        return 0
    }
    if {[string equal $kc(otherwise) refuse]} {
        return 1
    }
    foreach trap $kc(traps) {
        if {[within [lindex $trap 2] $protocol $port]} {
            return 1
        }
    }
    return 0
}

# --- what is remembered: of each source until when it is in, or out, and how far it has come ---

proc recall {now} {
    global granted locked stages sequences kc kc_state
    foreach name {granted locked stages} {
        array set $name {}
    }
    if {[catch {set kc_state [context_retrieve $kc(name) kc_state]}]} {
        return
    }
    foreach {granted_list locked_list stage_list} $kc_state {}
    foreach {source until} $granted_list {
        if {$until > $now} {
            set granted($source) $until
        }
    }
    foreach {source lock} $locked_list {
        if {[lindex $lock 0] > $now} {
            set locked($source) $lock
        }
    }
    foreach {source attempts} $stage_list {
        set kept {}
        foreach {generation reached until} $attempts {
            # Of an old sequence nothing counts any more.
            if {$until > $now && [info exists sequences($generation)]} {
                lappend kept $generation $reached $until
            }
        }
        if {[llength $kept] > 0} {
            set stages($source) $kept
        }
    }
}

# Of too many sources those go whose time ends first: whoever is at work goes last.
proc fitted {flat source place most} {
    if {[llength $flat] <= 2 * $most} {
        return $flat
    }
    set ranked {}
    foreach {one value} $flat {
        lappend ranked [list [lindex $value $place] [string equal $one $source] $one $value]
    }
    set ranked [lsort -integer -index 1 [lsort -integer -index 0 $ranked]]
    set kept {}
    foreach one [lrange $ranked [expr {[llength $ranked] - $most}] end] {
        lappend kept [lindex $one 2] [lindex $one 3]
    }
    return $kept
}

proc remember {source} {
    global granted locked stages kc kc_state
    set kc_state [list \
        [fitted [array get granted] $source 0 $kc(most)] \
        [fitted [array get locked] $source 0 $kc(most)] \
        [fitted [array get stages] $source 2 $kc(most)]]
    context_save $kc(name) kc_state
}

proc reached {source generation} {
    global stages
    if {[info exists stages($source)]} {
        foreach {one made until} $stages($source) {
            if {[string equal $one $generation]} {
                return $made
            }
        }
    }
    return 0
}

proc forget {source} {
    global stages
    catch {unset stages($source)}
}

# --- what becomes of a source; each returns the commands that the router is to carry out ---

proc closing {source} {
    global granted kc
    # Whoever was let in by hand is in no table here.
    catch {unset granted($source)}
    set commands {}
    foreach address $kc(addresses) {
        lappend commands "clear access-template $kc(list) $kc(name) host $source host $address"
    }
    return $commands
}

proc opening {source now} {
    global granted kc
    forget $source
    set until [expr {$now + 60 * $kc(minutes)}]
    if {![info exists granted($source)] || $granted($source) < $until} {
        set granted($source) $until
    }
    set commands {}
    foreach address $kc(addresses) {
        set entry "access-template $kc(list) $kc(name) host $source host $address"
        # An entry that is there does not get its time anew.
        lappend commands "clear $entry" "$entry timeout $kc(minutes)"
    }
    return $commands
}

proc lock {source now seconds} {
    global locked kc
    set commands [closing $source]
    forget $source
    # The second under way is not counted: nobody is let in again too soon.
    set until [expr {$now + $seconds + 1}]
    set minutes [expr {($until - $now + 59) / 60}]
    if {$minutes > 9998} {
        set minutes 9998
    }
    set locked($source) [list $until [expr {$now + 60 * $minutes}]]
    # For people to see, and to end.
    set entry "access-template $kc(out) $kc(name)-locked host $source any"
    return [concat $commands [list "clear $entry" "$entry timeout $minutes"]]
}

# Tells whether somebody has ended a lock-out: its entry is gone before its time.
proc unlocked {source now} {
    global locked kc
    if {$now >= [lindex $locked($source) 1]} {
        return 0
    }
    # While the router is asked, nothing must be forgotten.
    remember $source
    set shown [perform [list "show ip access-lists $kc(out) | include host $source any"]]
    catch {context_retrieve $kc(name) kc_state}
    return [expr {[string first "permit ip host $source any" $shown] < 0}]
}

# Counts a knock that is next in some sequence; returns commands, or "no".
proc advance {source protocol port now} {
    global order sequences stages kc
    set knock $protocol/$port
    set kept {}
    set counted 0
    foreach generation $order {
        set made [reached $source $generation]
        if {[string equal [lindex $sequences($generation) $made] $knock]} {
            incr made
            if {$made == [llength $sequences($generation)]} {
                return [opening $source $now]
            }
            set counted 1
            lappend kept $generation $made [expr {$now + $kc(step)}]
        } elseif {$made > 0} {
            foreach {one before until} $stages($source) {
                if {[string equal $one $generation]} {
                    lappend kept $one $before $until
                }
            }
        }
    }
    if {!$counted} {
        return no
    }
    set stages($source) $kept
    return {}
}

proc repeated {source protocol port} {
    global order sequences granted
    foreach generation $order {
        set made [reached $source $generation]
        if {[info exists granted($source)]} {
            set made [llength $sequences($generation)]
        }
        if {[lsearch -exact [lrange $sequences($generation) 0 [expr {$made - 1}]] \
                $protocol/$port] >= 0} {
            return 1
        }
    }
    return 0
}

proc trapped {source protocol port} {
    global granted kc
    set longest 0
    foreach trap $kc(traps) {
        foreach {seconds excused spans} $trap {}
        if {$excused && [info exists granted($source)]} {
            continue
        }
        if {$seconds > $longest && [within $spans $protocol $port]} {
            set longest $seconds
        }
    }
    return $longest
}

proc judge {source protocol port now} {
    global granted knocks locked stages kc
    if {[info exists locked($source)]} {
        # Only of knocks it makes a difference.
        if {[lsearch -exact $knocks $protocol/$port] < 0 || ![unlocked $source $now]} {
            return {}
        }
        unset locked($source)
    }
    set service [within $kc(services) $protocol $port]
    if {$service && [info exists granted($source)]} {
        return {}
    }
    set seconds [trapped $source $protocol $port]
    if {$seconds > 0} {
        return [lock $source $now $seconds]
    }
    set commands [advance $source $protocol $port $now]
    if {![string equal $commands no]} {
        return $commands
    }
    if {$service || [repeated $source $protocol $port]} {
        return {}
    }
    set commands {}
    if {[info exists granted($source)]} {
        if {[string equal $kc(stray) lockout]} {
            return [lock $source $now $kc(lockout)]
        }
        if {[string equal $kc(stray) revoke]} {
            set commands [closing $source]
        }
    }
    if {![info exists stages($source)] || [string equal $kc(wrong) ignore]} {
        return $commands
    }
    if {[string equal $kc(wrong) lockout] && ![info exists granted($source)]} {
        return [concat $commands [lock $source $now $kc(lockout)]]
    }
    forget $source
    set again [advance $source $protocol $port $now]
    if {[string equal $again no]} {
        return $commands
    }
    return [concat $commands $again]
}

# Returns what the last command printed.
proc perform {commands} {
    set printed ""
    if {[llength $commands] == 0} {
        return $printed
    }
    array set cli [cli_open]
    cli_exec $cli(fd) "enable"
    foreach command $commands {
        set printed [cli_exec $cli(fd) $command]
    }
    cli_close $cli(fd) $cli(tty_id)
    return $printed
}

proc main {} {
    global kc
    array set event [event_reqinfo]
    set found [packet $event(msg)]
    if {[llength $found] == 0} {
        return
    }
    foreach {plane protocol source to port} $found {}
    if {[lsearch -exact $kc(addresses) $to] < 0 || ![heard $plane $protocol $port]} {
        return
    }
    set now [clock seconds]
    recall $now
    set commands [judge $source $protocol $port $now]
    # First, so that nothing is forgotten where a command takes too long.
    remember $source
    perform $commands
}

main
